/// What a user gave that cannot be used, in one line: where, what, and what to do. Exit code 2.
package struct InputError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where in a file, or which option.
    package var location: FileLocation
    package var fault: String

    /// - Parameter place: a file, or an option.
    package init(_ place: String, _ fault: String) { self.init(FileLocation(file: place), fault) }

    package init(_ location: FileLocation, _ fault: String) {
        self.location = location
        self.fault = fault
    }

    /// A file, a file and line ("pairs.csv:3"), or an option.
    package var place: String { "\(location)" }

    package var description: String { VisibleText.lines("\(place): \(fault)") }
}

/// A file, or a line of one.
package struct FileLocation: Sendable, Equatable, CustomStringConvertible {
    package var file: String
    /// From 1.
    package var line: Int?

    package init(file: String, line: Int? = nil) { (self.file, self.line) = (file, line) }

    package var description: String { line.map { "\(file):\($0)" } ?? file }
}
