public import Checkpoint

/// How files are opened that an edit names beside the model: the other checkpoint of a merge, the file of a direction.
///
/// Such an edit holds the file's path and digest. Its tensors do not travel: every program reads its own copy, as it does
/// with the model, and refuses one with another content.
public struct EditFiles {
    /// The path itself, where this program may read it.
    public var allowed: (String) throws -> String
    /// The checkpoint at a path.
    public var checkpoint: (String) throws -> any WeightSource

    public init(allowed: @escaping (String) throws -> String, checkpoint: @escaping (String) throws -> any WeightSource)
    {
        (self.allowed, self.checkpoint) = (allowed, checkpoint)
    }

    /// Any file that the user of this program may read.
    public static var own: EditFiles { EditFiles(allowed: { $0 }, checkpoint: { try Checkpoint.open($0) }) }
}
