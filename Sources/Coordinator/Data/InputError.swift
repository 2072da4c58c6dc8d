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

    package var description: String { VisibleText.lines("\(place): \(fault)") }
}

/// Without white space at both ends.
package func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
        let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    return String(scalars[first...last])
}
