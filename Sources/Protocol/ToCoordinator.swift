public import Tensors

/// What a worker can do, said once when it joins.
public struct Capabilities: Codable, Sendable, Equatable {
    public var host: String
    public var pid: Int32
    public var threads: Int
    public var memoryBytes: Int
    /// Which kernels it runs. It can run all lower ones, too: then it starts itself again.
    public var level: KernelLevel
    /// Where the previous stage connects to.
    public var dataEndpoint: String
    /// The name its starter gave it; empty for workers that came by themselves.
    public var name: String
    /// With keys: the public key of its data socket, the same it proved to the coordinator.
    public var publicKey: String?
    /// Drawn by the process at its start: who comes back in another session is known by it.
    public var instance: String?
    /// What it still has of an earlier session.
    public var holdings: ResumableWork?

    public init(
        host: String, pid: Int32, threads: Int, memoryBytes: Int, level: KernelLevel, dataEndpoint: String,
        name: String
    ) {
        self.host = host
        self.pid = pid
        self.threads = threads
        self.memoryBytes = memoryBytes
        self.level = level
        self.dataEndpoint = dataEndpoint
        self.name = name
    }
}

/// One attempt at one task on one pipeline.
public struct TaskKey: Codable, Sendable, Hashable {
    public var epoch: UInt64
    public var task: UInt64
    public init(epoch: UInt64, task: UInt64) {
        self.epoch = epoch
        self.task = task
    }
}

/// What the worker reports with every beat, so that stalled and busy differ.
public struct Beat: Codable, Sendable, Equatable {
    /// Calls of the engine that returned, since the worker started.
    public var steps: UInt64 = 0
    /// Seconds the present call of the engine has taken; 0 where it waits.
    public var busySeconds: Double = 0
    /// Batches retired, by running task.
    public var retired: [UInt64: Int] = [:]
    /// Seconds spent on tasks, since the worker started.
    public var computed: Double?
    /// Packets and pieces of results sent or received, since the worker started: idle and moving bytes differ, too.
    public var moved: UInt64?
    public init() {}
}

/// Messages from a worker to the coordinator.
public enum ToCoordinator: Codable, Sendable, Equatable {
    case hello(Capabilities)
    case assigned(epoch: UInt64)
    /// The model could not be loaded, or the edit not applied: one line.
    case assignmentFailed(epoch: UInt64, error: String)
    /// This worker cannot take part (its copy of the model is another one); the fleet goes on without it.
    case unfit(epoch: UInt64, reason: String)
    /// A stage's finished result; where it is small the bytes follow as a raw frame, else they wait to be asked for.
    case offer(TaskKey, digest: String, byteCount: Int)
    case edited(epoch: UInt64, edit: UInt64)
    /// The engine refused the task; it would again.
    case taskFailed(TaskKey, error: String)
    case beat(Beat)
    /// The worker was asked to stop (SIGTERM) and ends after so many seconds (`nil`: at once); said again with every beat.
    /// What ends by then is taken, the rest goes elsewhere, and nothing is held against it.
    case leaving(reason: String, grace: Double? = nil)
}
