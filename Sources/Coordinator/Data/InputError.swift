import Tensors

/// What a user gave that cannot be used, in one line: where, what, and what to do. Exit code 2.
package struct InputError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file, a file and line ("pairs.csv:3"), or an option.
    package var place: String
    package var fault: String

    package init(_ place: String, _ fault: String) {
        self.place = place
        self.fault = fault
    }

    package var description: String { "\(place): \(fault)" }
}

/// Files read whole.
package enum TextFile {
    /// - Throws: `InputError` where the file cannot be read or is not UTF-8 text.
    package static func read(_ path: String) throws(InputError) -> [UInt8] {
        let mapping: FileMapping
        do throws(TensorFileError) { mapping = try FileMapping(path: path) } catch {
            throw InputError(path, error.fault)
        }
        var bytes = withExtendedLifetime(mapping) { Array(mapping.bytes) }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw InputError(path, "not UTF-8 text") }
        return bytes
    }

    /// Lines without their ends (LF or CRLF); a last empty one is not a line.
    package static func lines(_ bytes: [UInt8]) -> [String] {
        var lines = bytes.split(separator: 10, omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == 13 ? line.dropLast() : line, as: UTF8.self)
        }
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    /// Writes text that appears under its name only when complete.
    package static func write(_ text: String, to path: String) throws {
        let file = try AtomicFile(path: path)
        try file.write(Array(text.utf8))
        try file.commit()
    }
}

/// Without white space at both ends.
package func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
        let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    return String(scalars[first...last])
}
