/// Something that should not happen whatever the input. Exit code 1.
package struct InternalError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
