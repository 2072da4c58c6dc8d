import Tensors

/// One value of a GGUF file's metadata.
enum GGUFValue: Sendable, Equatable {
    case integer(Int)
    case number(Double)
    case bool(Bool)
    case string(ByteString)
    case integers([Int])
    case numbers([Float])
    case bools([Bool])
    case strings([ByteString])

    var int: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }
    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
    var boolean: Bool? { if case .bool(let value) = self { value } else { nil } }
    var string: String? { if case .string(let value) = self { value.text } else { nil } }
    var strings: [ByteString]? { if case .strings(let values) = self { values } else { nil } }
    var integers: [Int]? { if case .integers(let values) = self { values } else { nil } }
    var numbers: [Float]? { if case .numbers(let values) = self { values } else { nil } }
}
