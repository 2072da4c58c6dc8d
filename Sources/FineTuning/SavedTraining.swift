public import Tensors

/// What a stage's fine-tuning goes on from, by weight name, so that it may have been saved by stages cut elsewhere.
///
/// A tensor `NAME` (F32) is the weight, `adam.first.NAME` and `adam.second.NAME` are its moments.
public struct SavedTraining {
    public static let first = "adam.first."
    public static let second = "adam.second."

    /// What it lacks, in one line.
    public struct Fault: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Optimiser steps that made it.
    public let steps: Int
    /// Weights without moments: what a finished training leaves.
    public let isFinal: Bool
    private let entries: [String: TensorBundle.Entry]

    public init(steps: Int, isFinal: Bool, _ entries: [TensorBundle.Entry]) {
        self.steps = steps
        self.isFinal = isFinal
        self.entries = Dictionary(entries.map { ($0.name, $0) }) { first, _ in first }
    }

    /// One tensor's weight and moments (empty where it is final).
    func take(
        _ name: String, floats: Int
    ) throws(Fault) -> (weight: AlignedBuffer, first: AlignedBuffer, second: AlignedBuffer) {
        let none = AlignedBuffer(byteCount: 0)
        return (
            try buffer(name, floats), try isFinal ? none : buffer(Self.first + name, floats),
            try isFinal ? none : buffer(Self.second + name, floats)
        )
    }

    private func buffer(_ name: String, _ floats: Int) throws(Fault) -> AlignedBuffer {
        guard let entry = entries[name] else { throw Fault(description: "\(name) is not in it") }
        guard entry.type == .f32, entry.buffer.byteCount == floats * 4 else {
            throw Fault(description: "\(name) has \(entry.buffer.byteCount) bytes, not \(floats * 4)")
        }
        return entry.buffer
    }
}
