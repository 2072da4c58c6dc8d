extension JSON {
    /// UTF-8 text of the value. With `indent`, two spaces a level; without, no white space at all.
    package func encoded(indent: Bool = false) -> [UInt8] {
        var out: [UInt8] = []
        write(into: &out, indent: indent ? 0 : nil)
        return out
    }

    private func write(into out: inout [UInt8], indent: Int?) {
        switch self {
        case .null: out.append(contentsOf: "null".utf8)
        case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): out.append(contentsOf: String(value).utf8)
        case .number(let value):
            // JSON has no other numbers than finite ones.
            out.append(contentsOf: (value.isFinite ? "\(value)" : "null").utf8)
        case .string(let value): JSON.write(value, into: &out)
        case .array(let elements):
            JSON.writeList(elements, brackets: ("[", "]"), into: &out, indent: indent) { element, out, indent in
                element.write(into: &out, indent: indent)
            }
        case .object(let members):
            JSON.writeList(members, brackets: ("{", "}"), into: &out, indent: indent) { member, out, indent in
                JSON.write(member.key, into: &out)
                out.append(contentsOf: (indent == nil ? ":" : ": ").utf8)
                member.value.write(into: &out, indent: indent)
            }
        }
    }

    private static func writeList<T>(
        _ items: [T], brackets: (String, String), into out: inout [UInt8], indent: Int?,
        item write: (T, inout [UInt8], Int?) -> Void
    ) {
        out.append(contentsOf: brackets.0.utf8)
        let inner = indent.map { $0 + 2 }
        for (index, item) in items.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            if let inner { out.append(contentsOf: "\n".utf8 + Array(repeating: 0x20, count: inner)) }
            write(item, &out, inner)
        }
        if let indent, !items.isEmpty { out.append(contentsOf: "\n".utf8 + Array(repeating: 0x20, count: indent)) }
        out.append(contentsOf: brackets.1.utf8)
    }

    private static func write(_ string: ByteString, into out: inout [UInt8]) {
        let hex = Array("0123456789abcdef".utf8)
        out.append(UInt8(ascii: "\""))
        for byte in string.bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 10: out.append(contentsOf: "\\n".utf8)
            case 13: out.append(contentsOf: "\\r".utf8)
            case 9: out.append(contentsOf: "\\t".utf8)
            case 0..<32: out.append(contentsOf: "\\u00".utf8 + [hex[Int(byte >> 4)], hex[Int(byte & 15)]])
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}
