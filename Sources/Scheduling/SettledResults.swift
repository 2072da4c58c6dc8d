/// The digests of results that may come a second time: the same share of the same task has to have the same bytes.
struct SettledResults: Sendable {
    private var results: [Int: [StageResult]] = [:]

    /// Keeps what a task's results are known by, without their bytes.
    mutating func keep(_ new: [StageResult], of task: Int) {
        results[task] = new.map {
            StageResult(stage: $0.stage, layers: $0.layers, digest: $0.digest, bundle: .file(""), worker: $0.worker)
        }
    }

    /// The same share of the same task came before, with other bytes.
    func contradict(_ result: StageResult, of task: Int) -> Bool {
        guard let before = results[task]?.first(where: { $0.stage == result.stage && $0.layers == result.layers })
        else { return false }
        return before.digest != result.digest
    }
}
