print("faultline-worker")
