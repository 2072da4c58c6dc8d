package import Tensors

/// Text as UTF-8, whatever of the encodings that are read it came in: UTF-8, or UTF-16 with a byte order mark.
package struct EncodedText: Sendable, Equatable {
    /// Valid UTF-8 without a byte order mark and without zero bytes.
    package let bytes: [UInt8]
    package let isUTF16: Bool

    /// - Parameter source: names the file in errors.
    /// - Throws: `InputError` naming the encoding or the kind of file, or the first byte that is not UTF-8.
    package init(_ raw: [UInt8], source: String) throws(InputError) {
        if let kind = Self.kinds.first(where: { raw.starts(with: $0.magic) }) {
            throw InputError(source, "\(kind.name), not text\(kind.hint)")
        }
        if raw.starts(with: Self.largeFilePointer) {
            throw InputError(source, "a Git LFS pointer in place of the file: fetch the file (git lfs pull)")
        }
        if raw.starts(with: [0xFF, 0xFE, 0, 0]) || raw.starts(with: [0, 0, 0xFE, 0xFF]) {
            throw InputError(source, "UTF-32 text: save it as UTF-8")
        }
        isUTF16 = raw.starts(with: [0xFF, 0xFE]) || raw.starts(with: [0xFE, 0xFF])
        if isUTF16 {
            bytes = try Self.fromUTF16(raw, source)
        } else {
            bytes = raw.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(raw.dropFirst(3)) : raw
            try Self.checkUTF8(bytes, source, skipped: raw.count - bytes.count)
        }
        if let zero = bytes.firstIndex(of: 0) {
            let line = TextFile.line(of: zero, in: bytes)
            throw InputError(
                "\(source):\(line)",
                "byte \(zero) is zero: no text, or UTF-16 without a byte order mark; save it as UTF-8")
        }
    }

    /// Files that are often taken for text, by their first bytes.
    private static let kinds: [(magic: [UInt8], name: String, hint: String)] = [
        ([0x1F, 0x8B], "gzip", ": unpack it first"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd", ": unpack it first"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "xz", ": unpack it first"),
        (Array("BZh".utf8), "bzip2", ": unpack it first"),
        (
            Array("PK\u{3}\u{4}".utf8), "a zip archive or an Office document", ": unpack it, or save its sheet as CSV"
        ),
        (
            [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], "an old Office document", ": save its sheet as CSV"
        ),
        (Array("PAR1".utf8), "Parquet", ": save it as JSON lines"),
        (Array("ARROW1".utf8), "Arrow", ": save it as JSON lines"),
        (Array("SQLite format 3".utf8), "an SQLite database", ""), (Array("%PDF-".utf8), "PDF", ""),
        (Array("GGUF".utf8), "a GGUF model", ""),
    ]

    private static let largeFilePointer = Array("version https://git-lfs.github.com/spec/".utf8)

    private static func checkUTF8(_ bytes: [UInt8], _ source: String, skipped: Int) throws(InputError) {
        guard String(validating: bytes, as: UTF8.self) == nil, let fault = firstInvalid(bytes) else { return }
        let line = TextFile.line(of: fault, in: bytes)
        let start = bytes[..<fault].lastIndex { $0 == 10 || $0 == 13 }.map { $0 + 1 } ?? 0
        throw InputError(
            "\(source):\(line)",
            "not UTF-8 text: byte 0x\(String(bytes[fault], radix: 16, uppercase: true)) at \(fault + skipped), byte \(fault - start + 1) of the line; save it as UTF-8 (it may be Latin-1 or Windows-1252)"
        )
    }

    /// Where the first ill-formed sequence begins (Unicode, table 3-7).
    private static func firstInvalid(_ bytes: [UInt8]) -> Int? {
        var index = 0
        while index < bytes.count {
            let rest: [ClosedRange<UInt8>]
            switch bytes[index] {
            case 0...0x7F: rest = []
            case 0xC2...0xDF: rest = [0x80...0xBF]
            case 0xE0: rest = [0xA0...0xBF, 0x80...0xBF]
            case 0xED: rest = [0x80...0x9F, 0x80...0xBF]
            case 0xE1...0xEF: rest = [0x80...0xBF, 0x80...0xBF]
            case 0xF0: rest = [0x90...0xBF, 0x80...0xBF, 0x80...0xBF]
            case 0xF1...0xF3: rest = [0x80...0xBF, 0x80...0xBF, 0x80...0xBF]
            case 0xF4: rest = [0x80...0x8F, 0x80...0xBF, 0x80...0xBF]
            default: return index
            }
            for (step, range) in rest.enumerated() {
                guard index + step + 1 < bytes.count, range.contains(bytes[index + step + 1]) else { return index }
            }
            index += 1 + rest.count
        }
        return nil
    }

    private static func fromUTF16(_ raw: [UInt8], _ source: String) throws(InputError) -> [UInt8] {
        let isLittle = raw[0] == 0xFF
        guard raw.count % 2 == 0 else { throw InputError(source, "UTF-16 text with half a character at its end") }
        let units = stride(from: 2, to: raw.count, by: 2).map { index in
            let (first, second) = (UInt16(raw[index]), UInt16(raw[index + 1]))
            return isLittle ? second << 8 | first : first << 8 | second
        }
        var result: [UInt8] = []
        result.reserveCapacity(units.count)
        var index = 0
        while index < units.count {
            let unit = units[index]
            var scalar = UInt32(unit)
            if (0xD800..<0xDC00).contains(unit), index + 1 < units.count, (0xDC00..<0xE000).contains(units[index + 1]) {
                scalar = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(units[index + 1]) - 0xDC00)
                index += 1
            }
            guard let scalar = Unicode.Scalar(scalar) else {
                throw InputError(source, "UTF-16 text with half a surrogate pair at byte \(2 + 2 * index)")
            }
            result.append(contentsOf: UTF8.encode(scalar)!)
            index += 1
        }
        return result
    }
}
