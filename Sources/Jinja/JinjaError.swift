/// Why a template cannot be read or rendered: the line in it, and what is wrong there.
public struct JinjaError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// Not well-formed.
        case syntax
        /// Jinja knows it, this program does not compute it.
        case unsupported
        /// What Python's Jinja ends with an error, too: an undefined value used, a wrong type.
        case failed
        /// The template called `raise_exception`; `fault` is its message.
        case raised
        /// Too many steps, too much text, too deep.
        case limit
    }

    public var kind: Kind
    /// Line of the template, from 1; 0 while unknown.
    public var line: Int
    public var fault: String

    init(_ kind: Kind, line: Int = 0, _ fault: String) {
        self.kind = kind
        self.line = line
        self.fault = fault
    }

    public var description: String {
        let place = line > 0 ? "line \(line): " : ""
        return kind == .raised ? "\(place)the template says: \(fault)" : place + fault
    }

    /// The same error with the line, where none is known yet.
    func at(_ line: Int) -> JinjaError { self.line > 0 ? self : JinjaError(kind, line: line, fault) }

    static func type(_ fault: String) -> JinjaError { JinjaError(.failed, fault) }
    static func unsupported(_ fault: String) -> JinjaError {
        JinjaError(.unsupported, fault + " is not computed by this program")
    }
}
