/// A Jinja template as transformers' `apply_chat_template` runs it: jinja2's `ImmutableSandboxedEnvironment` with
/// `trim_blocks`, `lstrip_blocks`, `loopcontrols`, `{% generation %}`, `raise_exception`, `strftime_now` and
/// transformers' own `tojson` (transformers documentation, "Writing a chat template").
public struct Template: Sendable {
    private let body: [Statement]
    /// Names of variables that the template reads anywhere.
    public let reads: Set<String>

    /// - Throws: `JinjaError` with the line where `source` is not well-formed or has what is not computed.
    public init(_ source: String) throws(JinjaError) {
        var parser = try Parser(source)
        body = try parser.template()
        reads = parser.read[0]
    }

    /// The template's text for these variables.
    /// - Parameters:
    ///   - variables: what `render` gives the template; later ones of the same name win.
    ///   - day: what `strftime_now` sees.
    ///   - limits: how much it may do.
    /// - Throws: `JinjaError` with the line.
    public func render(
        _ variables: [(String, Value)], day: CalendarDay, limits: Limits = Limits()
    ) throws(JinjaError) -> Text {
        let context = Frame(parent: nil)
        for (name, value) in variables { context.variables[name] = value }
        let root = Frame(parent: context)
        let renderer = Renderer(day: day, limits: limits)
        defer {
            root.variables.removeAll()
            context.variables.removeAll()
        }
        var output = Text(units: [])
        _ = try renderer.run(body, in: root, into: &output)
        return output
    }
}

/// What bounds a rendering, so that no template hangs or fills the memory.
public struct Limits: Sendable {
    /// Expressions and statements, and 8 scalars of every text made, count one each.
    public var steps = 20_000_000
    /// Scalars of one text.
    public var textLength = 1 << 23
    /// Expressions within expressions, blocks within blocks, macros within macros.
    public var depth = 220
    /// Numbers in one `range`, as in jinja2's sandbox.
    var range = 100_000

    public init() {}
}
