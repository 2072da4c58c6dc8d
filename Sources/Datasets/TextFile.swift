package import Tensors

/// Text files read whole, and written.
package enum TextFile {
    /// A text file's bytes as UTF-8, without a byte order mark.
    /// - Throws: `InputError` where the file cannot be read, or is text in an encoding that is not read, or no text.
    package static func read(_ path: String) throws(InputError) -> [UInt8] { try decoded(path).bytes }

    /// The same, and what it was encoded as.
    /// - Throws: as `read`.
    package static func decoded(_ path: String) throws(InputError) -> EncodedText {
        let mapping: FileMapping
        do throws(TensorFileError) { mapping = try FileMapping(path: path) } catch {
            throw InputError(path, error.fault)
        }
        return try EncodedText(withExtendedLifetime(mapping) { Array(mapping.bytes) }, source: path)
    }

    /// Lines without their ends; LF, CRLF and CR alone end a line, as in Python's text files. A last empty one is not a
    /// line.
    package static func lines(_ bytes: [UInt8]) -> [String] {
        var lines: [String] = []
        var start = 0
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            guard byte == 10 || byte == 13 else { continue }
            lines.append(String(decoding: bytes[start..<index - 1], as: UTF8.self))
            if byte == 13, index < bytes.count, bytes[index] == 10 { index += 1 }
            start = index
        }
        if start < bytes.count { lines.append(String(decoding: bytes[start...], as: UTF8.self)) }
        return lines
    }

    /// The number of the line, from 1, in which a byte stands.
    package static func line(of offset: Int, in bytes: [UInt8]) -> Int {
        var line = 1
        for index in 0..<min(offset, bytes.count)
        where bytes[index] == 10 || (bytes[index] == 13 && !(index + 1 < bytes.count && bytes[index + 1] == 10)) {
            line += 1
        }
        return line
    }

    /// Writes text that appears under its name only when complete.
    /// - Throws: `TensorFileError` where it cannot be written.
    package static func write(_ text: String, to path: String) throws {
        let file = try AtomicFile(path: path)
        try file.write(Array(text.utf8))
        try file.commit()
    }
}
