public import Tensors

/// Which part of which model a worker is to hold, and whom it passes packets on to.
public struct Assignment: Codable, Sendable, Equatable {
    public var epoch: UInt64
    public var model: String
    /// What the coordinator's copy of the model is known by; `nil`: not compared.
    public var modelDigest: String?
    public var firstLayer: Int
    public var endLayer: Int
    public var stageIndex: Int
    public var stageCount: Int
    public var threads: Int
    /// The next stage's data endpoint; `nil` for the last stage.
    public var next: String?
    /// With keys: the public key the next stage has to prove, and the one key that may connect to this stage.
    public var nextKey: String?
    public var previousKey: String?
    /// Batches in flight at the source.
    public var window: Int
    /// What the coordinator knows this cut of the model by; echoed in `ResumableWork`.
    public var plan: String?

    public init(
        epoch: UInt64, model: String, modelDigest: String? = nil, layers: Range<Int>, stageIndex: Int, stageCount: Int,
        threads: Int, next: String?, window: Int
    ) {
        self.epoch = epoch
        self.model = model
        self.modelDigest = modelDigest
        self.firstLayer = layers.lowerBound
        self.endLayer = layers.upperBound
        self.stageIndex = stageIndex
        self.stageCount = stageCount
        self.threads = threads
        self.next = next
        self.window = window
    }

    /// `nil` where the numbers cannot be a stage.
    public var layers: Range<Int>? {
        guard firstLayer >= 0, endLayer > firstLayer, stageCount > 0, stageCount <= 100_000,
            (0..<stageCount).contains(stageIndex)
        else { return nil }
        return firstLayer..<endLayer
    }
}

/// An edit on offer: what the weights become for tasks begun later.
public struct EditOffer: Codable, Sendable, Equatable {
    public var epoch: UInt64
    public var edit: UInt64
    public var name: String
    public var digest: String
    /// 0: the unedited weights.
    public var byteCount: Int

    public init(epoch: UInt64, edit: UInt64, name: String, digest: String, byteCount: Int) {
        self.epoch = epoch
        self.edit = edit
        self.name = name
        self.digest = digest
        self.byteCount = byteCount
    }
}

/// Messages from the coordinator to a worker.
public enum ToWorker: Codable, Sendable, Equatable {
    /// `run` names the run, through all its restarts.
    case welcome(worker: String, run: String? = nil)
    /// The coordinator does not know this session (it was given up, or the coordinator started anew): say hello again.
    case rejoin
    case refuse(reason: String)
    /// The fleet's kernel level, below the worker's: start again at it.
    case level(KernelLevel)
    case assign(Assignment)
    /// The body follows as raw frames of JSON.
    case task(TaskKey, bodyBytes: Int)
    case abort(TaskKey)
    /// The result is safe: forget it.
    case committed(TaskKey)
    /// Where it is small the bytes follow as a raw frame, else they wait to be asked for.
    case edit(EditOffer)
    /// Something large is to travel: (re)open the bulk connection and say the ticket there.
    case bulk(ticket: UInt64)
    case ping
    case goodbye(reason: String)
}
