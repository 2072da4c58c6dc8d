/// One stage's share of a task's result, safe on disk.
public struct StageRecord: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
        case inline([UInt8])
        /// A safetensors file in the run's `partials` folder, by its name there.
        case file(String)
    }

    public var stage: Int
    /// Decoder layers, end exclusive.
    public var layers: Range<Int>
    /// SHA-256 of the safetensors image.
    public var digest: String
    public var worker: String
    public var content: Content

    public init(stage: Int, layers: Range<Int>, digest: String, worker: String, content: Content) {
        self.stage = stage
        self.layers = layers
        self.digest = digest
        self.worker = worker
        self.content = content
    }
}

/// A task's results, all of its stages'.
public struct TaskRecord: Sendable, Equatable {
    /// What the task is known by: its content.
    public var key: String
    /// For people: as in `scoring 3`.
    public var label: String
    public var results: [StageRecord]

    public init(key: String, label: String, results: [StageRecord]) {
        (self.key, self.label, self.results) = (key, label, results)
    }
}

/// What the run knows of something that happened: the story of a task or a worker.
public struct Event: Sendable, Equatable {
    public var seconds: Double
    public var epoch: UInt64
    /// `joined`, `lost`, `granted`, `committed`, `started`, `finished` …
    public var kind: String
    /// The task's label and number, as in `scoring 3`; empty where it concerns none.
    public var task: String
    public var worker: String
    public var text: String

    public init(seconds: Double, epoch: UInt64, kind: String, task: String, worker: String, text: String) {
        self.seconds = seconds
        self.epoch = epoch
        self.kind = kind
        self.task = task
        self.worker = worker
        self.text = text
    }
}
