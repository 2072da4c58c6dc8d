public import Tensors

/// Why a checkpoint cannot be used, in one line: the file, what is wrong, and where it helps what to do.
public struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// The file or folder is not there or cannot be read.
        case unreadable
        /// The file contradicts itself or its format.
        case malformed
        /// A tensor is missing or does not have the shape the configuration asks for.
        case mismatch
        /// Well-formed, but not something this program computes.
        case unsupported
    }

    public var kind: Kind
    public var file: String
    public var fault: String

    public init(_ kind: Kind, file: String, _ fault: String) {
        self.kind = kind
        self.file = file
        self.fault = fault
    }

    public init(_ error: TensorFileError) {
        self.init(.malformed, file: error.file, error.tensor.map { "tensor \($0): \(error.fault)" } ?? error.fault)
    }

    public var description: String { "\(file): \(fault)" }
}
