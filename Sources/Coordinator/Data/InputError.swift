/// What a user gave that cannot be used, in one line: where, what, and what to do. Exit code 2.
package struct InputError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file, a file and line ("pairs.csv:3"), or an option.
    package var place: String
    package var fault: String

    package init(_ place: String, _ fault: String) {
        self.place = place
        self.fault = fault
    }

    package var description: String { visible("\(place): \(fault)", keepsLines: true) }
}

/// Without white space at both ends.
package func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
        let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    return String(scalars[first...last])
}

/// Text from outside as a terminal may show it: control characters, and characters that turn the direction of writing, as
/// escapes.
/// - Parameter keepsLines: line feeds stay.
package func visible(_ text: String, keepsLines: Bool = false) -> String {
    func isShown(_ scalar: Unicode.Scalar) -> Bool { !isHidden(scalar) || (keepsLines && scalar == "\n") }
    guard !text.unicodeScalars.allSatisfy(isShown) else { return text }
    return text.unicodeScalars.map { isShown($0) ? String($0) : $0.escaped(asASCII: true) }.joined()
}

private func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    default: (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
    }
}
