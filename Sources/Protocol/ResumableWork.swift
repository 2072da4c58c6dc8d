/// What a worker brings along into a new session: the pipeline it is part of, and its work there.
public struct ResumableWork: Codable, Sendable, Equatable {
    /// The run that gave the work out: for another run it means nothing.
    public var run: String
    public var epoch: UInt64
    /// As the assignment said: what model, cut for what kind of work.
    public var plan: String
    public var stageIndex: Int
    public var stageCount: Int
    public var firstLayer: Int
    public var endLayer: Int
    public var isLoaded = false
    /// The edit in force, and the digest of what was applied; `nil`: none yet.
    public var edit: UInt64?
    public var editDigest: String?
    /// Fine-tuning has changed the weights.
    public var isTrained = false
    public var tasks: [Holding] = []

    public init(run: String, assignment: Assignment) {
        self.run = run
        epoch = assignment.epoch
        plan = assignment.plan ?? ""
        (stageIndex, stageCount) = (assignment.stageIndex, assignment.stageCount)
        (firstLayer, endLayer) = (assignment.firstLayer, assignment.endLayer)
    }
}

/// One task that a worker computes, or has computed.
public struct Holding: Codable, Sendable, Equatable {
    public var key: TaskKey
    /// SHA-256 of the task's body.
    public var content: String
    /// Of the result; `nil` while it is computed.
    public var digest: String?
    public var byteCount: Int

    public init(key: TaskKey, content: String, digest: String?, byteCount: Int) {
        self.key = key
        self.content = content
        self.digest = digest
        self.byteCount = byteCount
    }
}
