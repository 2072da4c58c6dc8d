void faultline_kernels_placeholder(void);
