public import Checkpoint

/// A checkpoint whose weights can be read as an edit makes them: every reader of the stage gets the edited rows, at once where
/// it holds weights in memory and reads them again, and at each use where it does not.
///
/// It is `Sendable` by contract: `rewrite` is set only while nobody reads.
public final class EditableSource: WeightSource, @unchecked Sendable {
    /// As it is on disk.
    public let base: any WeightSource
    /// Changes rows of a weight in place, from any thread; `nil`: weights are the checkpoint's.
    public var rewrite: ((_ weight: String, _ rows: Range<Int>, _ values: UnsafeMutablePointer<Float>) throws -> Void)?

    public init(_ base: any WeightSource) { self.base = base }

    public var config: ModelConfig { base.config }
    public func shape(of name: String) -> [Int]? { base.shape(of: name) }

    /// - Throws: what the checkpoint throws, and what the edit does.
    public func read(_ name: String, rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) throws {
        try base.read(name, rows: rows, into: destination)
        try rewrite?(name, rows, destination)
    }
}
