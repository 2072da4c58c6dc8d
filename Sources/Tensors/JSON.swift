/// A JSON value whose strings and keys are byte strings and whose objects keep their order (RFC 8259).
package enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(ByteString)
    case array([JSON])
    case object([Member])

    package struct Member: Sendable, Equatable {
        package var key: ByteString
        package var value: JSON
        package init(_ key: String, _ value: JSON) {
            self.key = ByteString(key)
            self.value = value
        }
        package init(key: ByteString, value: JSON) {
            self.key = key
            self.value = value
        }
    }

    package static func text(_ text: String) -> JSON { .string(ByteString(text)) }

    /// The last member of that name (as Python reads duplicates), or `nil`.
    package subscript(key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        let wanted = ByteString(key)
        return members.last { $0.key == wanted }?.value
    }

    package var isNull: Bool { self == .null }
    package var members: [Member]? { if case .object(let members) = self { members } else { nil } }
    package var elements: [JSON]? { if case .array(let elements) = self { elements } else { nil } }
    package var byteString: ByteString? { if case .string(let string) = self { string } else { nil } }
    package var string: String? { byteString?.text }
    package var boolean: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var int: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
}

/// Where and why a text is not JSON.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    package var offset: Int
    package var fault: String
    package var description: String { "not valid JSON at byte \(offset): \(fault)" }
}
