#if canImport(Glibc)
    import Glibc
#endif

extension JSON {
    /// Parses one JSON value; nesting is limited to 128 levels. `NaN` and `Infinity`, which Python writes, are accepted.
    /// - Throws: `JSONError` where it is not one JSON value.
    package static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> JSON {
        var parser = JSONParser(bytes: bytes)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.error("text after the value") }
        return value
    }

    /// Parses one JSON value, as the function above.
    /// - Throws: `JSONError` where it is not one JSON value.
    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSON {
        let result: Result<JSON, JSONError> = bytes.withUnsafeBytes { buffer in
            do throws(JSONError) { return .success(try parse(buffer)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}

private struct JSONParser {
    let bytes: UnsafeRawBufferPointer
    var position = 0

    func error(_ fault: String) -> JSONError { JSONError(offset: position, fault: fault) }

    mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
    }

    mutating func expect(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let length = word.utf8CodeUnitCount
        guard bytes.count - position >= length,
            memcmp(bytes.baseAddress! + position, word.utf8Start, length) == 0
        else { throw error("unexpected word") }
        position += length
        return value
    }

    mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard depth < 128 else { throw error("nested too deeply") }
        skipSpace()
        guard position < bytes.count else { throw error("ends too early") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try expect("true", .bool(true))
        case UInt8(ascii: "f"): return try expect("false", .bool(false))
        case UInt8(ascii: "n"): return try expect("null", .null)
        case UInt8(ascii: "N"): return try expect("NaN", .number(.nan))
        case UInt8(ascii: "I"): return try expect("Infinity", .number(.infinity))
        default: return try number()
        }
    }

    mutating func object(depth: Int) throws(JSONError) -> JSON {
        position += 1
        var members: [JSON.Member] = []
        skipSpace()
        if position < bytes.count, bytes[position] == UInt8(ascii: "}") {
            position += 1
            return .object([])
        }
        while true {
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw error("expected a key") }
            let key = try string()
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: ":") else { throw error("expected ':'") }
            position += 1
            members.append(JSON.Member(key: key, value: try value(depth: depth + 1)))
            skipSpace()
            guard position < bytes.count else { throw error("object ends too early") }
            defer { position += 1 }
            if bytes[position] == UInt8(ascii: "}") { return .object(members) }
            guard bytes[position] == UInt8(ascii: ",") else { throw error("expected ',' or '}'") }
        }
    }

    mutating func array(depth: Int) throws(JSONError) -> JSON {
        position += 1
        var elements: [JSON] = []
        skipSpace()
        if position < bytes.count, bytes[position] == UInt8(ascii: "]") {
            position += 1
            return .array([])
        }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            guard position < bytes.count else { throw error("array ends too early") }
            defer { position += 1 }
            if bytes[position] == UInt8(ascii: "]") { return .array(elements) }
            guard bytes[position] == UInt8(ascii: ",") else { throw error("expected ',' or ']'") }
        }
    }

    mutating func string() throws(JSONError) -> ByteString {
        position += 1
        var start = position
        var result: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                result.append(contentsOf: bytes[start..<position])
                position += 1
                return ByteString(result)
            }
            if byte == UInt8(ascii: "\\") {
                result.append(contentsOf: bytes[start..<position])
                try escape(into: &result)
                start = position
            } else {
                position += 1
            }
        }
        throw error("string ends too early")
    }

    mutating func escape(into result: inout [UInt8]) throws(JSONError) {
        position += 1
        guard position < bytes.count else { throw error("string ends too early") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
        case UInt8(ascii: "b"): result.append(8)
        case UInt8(ascii: "f"): result.append(12)
        case UInt8(ascii: "n"): result.append(10)
        case UInt8(ascii: "r"): result.append(13)
        case UInt8(ascii: "t"): result.append(9)
        case UInt8(ascii: "u"):
            var code = try hex4()
            if (0xD800..<0xDC00).contains(code), position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            {
                let mark = position
                position += 2
                let low = try hex4()
                if (0xDC00..<0xE000).contains(low) {
                    code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                } else {
                    position = mark
                }
            }
            // It has no UTF-8 form: tokenizers refuse such text, too.
            guard let scalar = Unicode.Scalar(code) else { throw error("half a surrogate pair, which is no character") }
            result.append(contentsOf: String(scalar).utf8)
        default: throw error("unknown escape")
        }
    }

    mutating func hex4() throws(JSONError) -> UInt32 {
        guard bytes.count - position >= 4 else { throw error("string ends too early") }
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw error("expected a hex digit")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }

    mutating func number() throws(JSONError) -> JSON {
        let start = position
        var isInteger = true
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
            case UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): isInteger = false
            default:
                if position == start + 1, bytes[start] == UInt8(ascii: "-"), bytes[position] == UInt8(ascii: "I") {
                    return try expect("Infinity", .number(-.infinity))
                }
                return try number(bytes[start..<position], isInteger: isInteger)
            }
            position += 1
        }
        return try number(bytes[start..<position], isInteger: isInteger)
    }

    func number(_ digits: Slice<UnsafeRawBufferPointer>, isInteger: Bool) throws(JSONError) -> JSON {
        let text = String(decoding: digits, as: UTF8.self)
        if isInteger, let value = Int(text) { return .integer(value) }
        guard let value = Double(text) else { throw error("expected a value") }
        return .number(value)
    }
}
