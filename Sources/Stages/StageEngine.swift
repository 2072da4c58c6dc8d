package import Protocol
package import Tensors

/// Which part of which model a worker holds.
package struct StageAssignment: Sendable, Equatable {
    /// A Hugging Face folder or a GGUF file on the worker's own disk.
    package var model: String
    /// What the copy has to be known by; `nil`: any.
    package var modelDigest: String?
    /// Decoder layers, end exclusive.
    package var layers: Range<Int>
    package var stageIndex: Int
    package var stageCount: Int
    /// Compute threads; never changes a result.
    package var threads: Int
    package var isFirst: Bool { stageIndex == 0 }
    package var isLast: Bool { stageIndex == stageCount - 1 }

    package init(
        model: String, modelDigest: String? = nil, layers: Range<Int>, stageIndex: Int, stageCount: Int, threads: Int
    ) {
        self.model = model
        self.modelDigest = modelDigest
        self.layers = layers
        self.stageIndex = stageIndex
        self.stageCount = stageCount
        self.threads = threads
    }
}

/// Why an engine cannot hold what it is assigned, though others may: this worker is left out, the run goes on.
package struct UnfitWorker: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// What travels between neighbouring stages (and, as `.local`, from a stage to its own queue).
package struct Packet: Sendable {
    package enum Direction: UInt8, Sendable { case forward, backward, local }
    package var task: UInt64
    package var direction: Direction
    /// Batch (or decode step, or training micro-batch counted through all steps).
    package var index: Int
    /// The engine's own label for a kind of payload (0: activations or their gradient).
    package var kind: UInt8 = 0
    /// Small integers that go with it (sampled tokens, row numbers).
    package var integers: [Int32] = []
    /// [rows × columns] f32, or nothing.
    package var payload: AlignedBuffer?

    package init(
        task: UInt64, direction: Direction, index: Int, kind: UInt8 = 0, integers: [Int32] = [],
        payload: AlignedBuffer? = nil
    ) {
        self.task = task
        self.direction = direction
        self.index = index
        self.kind = kind
        self.integers = integers
        self.payload = payload
    }
}

package enum StageOutput: Sendable {
    /// To the next stage, to the previous one, or back into this stage's queue, by the packet's direction.
    case packet(Packet)
    /// This batch has left this stage for good: its memory is free, and the source may send another.
    case retired(task: UInt64, index: Int)
    /// A step of a task without batches of its own is over (a generation step): shown as progress.
    case advanced(task: UInt64)
    /// The stage is done with the task; this is its share of the result (often empty).
    case result(task: UInt64, TensorBundle)
}

/// The numeric half of a worker. Called from one compute thread at a time; knows nothing of sockets.
///
/// Flow: every stage gets `begin`. The runtime then gives the **first** stage one empty forward packet per
/// `sourceCount(of:)`, in index order, no more than its window allows in flight (begun, not retired); every other packet
/// is what an engine returned. Among the waiting packets the runtime runs backward before local before forward, then
/// lower task, then lower index. Packets of one task and direction arrive in the order they were sent.
package protocol StageEngine: AnyObject {
    /// - Throws: with one line for the user where the model cannot be loaded.
    func load(_ assignment: StageAssignment) throws
    /// Makes `edit` (a mask bundle, or `nil`: the unedited weights) current for tasks begun from now on.
    /// - Throws: where the edit does not fit the model, or tasks are running.
    func apply(edit: TensorBundle?) throws
    /// Begins a task on this stage.
    /// - Returns: packets to send, or the stage's result where it is done with the task already.
    /// - Throws: where the task is not one that this stage can do.
    func begin(task: UInt64, body: TaskBody) throws -> [StageOutput]
    /// Takes the next packet of a task that has begun.
    /// - Returns: packets to send, and the stage's result once it is done with the task.
    /// - Throws: where the packet cannot be computed with, or a number of the result is not finite.
    func receive(_ packet: Packet) throws -> [StageOutput]
    /// Forgets a task; packets of it that still arrive are dropped by the runtime.
    func abort(task: UInt64)
}
