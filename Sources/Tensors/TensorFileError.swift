/// What is wrong with a tensor file, in one line: the file, the tensor where there is one, and the fault.
public struct TensorFileError: Error, Sendable, Equatable, CustomStringConvertible {
    public var file: String
    public var tensor: String?
    public var fault: String

    public init(file: String, tensor: String? = nil, fault: String) {
        self.file = file
        self.tensor = tensor
        self.fault = fault
    }

    public var description: String {
        tensor.map { "\(file): tensor \($0): \(fault)" } ?? "\(file): \(fault)"
    }
}
