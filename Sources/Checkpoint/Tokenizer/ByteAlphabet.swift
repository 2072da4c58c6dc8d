/// GPT-2's alphabet: a printable scalar for every byte, so that vocabularies of bytes can be written as text.
enum ByteAlphabet {
    static let scalars: [Unicode.Scalar] = {
        var next: UInt32 = 256
        return (0..<256).map { byte -> Unicode.Scalar in
            let isPrintable = (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte)
            if isPrintable { return Unicode.Scalar(UInt8(byte)) }
            defer { next += 1 }
            return Unicode.Scalar(next)!
        }
    }()

    private static let bytes: [UInt8?] = {
        var table = [UInt8?](repeating: nil, count: 324)
        for (byte, scalar) in scalars.enumerated() { table[Int(scalar.value)] = UInt8(byte) }
        return table
    }()

    /// The UTF-8 bytes of `text` in the alphabet.
    static func encode(_ text: ArraySlice<Unicode.Scalar>) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        for scalar in text {
            if scalar.isASCII {
                result.append(scalars[Int(scalar.value)])
            } else {
                for byte in UTF8.encode(scalar)! { result.append(scalars[Int(byte)]) }
            }
        }
        return result
    }

    /// The bytes that `text` (UTF-8) stands for; `nil` where it holds other scalars.
    static func decode(_ text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            // The alphabet's scalars take one or two bytes of UTF-8.
            let first = text[index]
            let value: Int
            if first < 0x80 {
                value = Int(first)
                index += 1
            } else {
                guard first >= 0xC2, first < 0xE0, index + 1 < text.count else { return nil }
                value = Int(first & 0x1F) << 6 | Int(text[index + 1] & 0x3F)
                index += 2
            }
            guard value < bytes.count, let byte = bytes[value] else { return nil }
            result.append(byte)
        }
        return result
    }
}
