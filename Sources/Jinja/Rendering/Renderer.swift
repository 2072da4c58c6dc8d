/// Variables of one scope. A `for` body, a macro, a `with`, `call`, `filter` or `set` block has its own; an `if` has not.
final class Frame {
    var variables: [String: Value] = [:]
    let parent: Frame?

    init(parent: Frame?) { self.parent = parent }

    func find(_ name: String) -> Value? {
        var frame: Frame? = self
        while let here = frame {
            if let value = here.variables[name] { return value }
            frame = here.parent
        }
        return nil
    }
}

/// Runs statements. Expressions are in `Renderer+Expressions`.
final class Renderer {
    let day: CalendarDay
    let limits: Limits
    private var steps = 0
    private var depth = 0

    /// How a list of statements ended.
    enum Flow { case through, stop, skip }

    init(day: CalendarDay, limits: Limits) {
        self.day = day
        self.limits = limits
    }

    func count(_ number: Int = 1) throws(JinjaError) {
        steps += number
        guard steps <= limits.steps else { throw JinjaError(.limit, "more than \(limits.steps) steps") }
    }

    /// Counts a text that was made, and passes it on.
    func made(_ text: Text) throws(JinjaError) -> Text {
        try checkLength(text.count)
        try count(1 + text.count / 8)
        return text
    }

    /// Before a text of that many scalars is made.
    func checkLength(_ length: Int) throws(JinjaError) {
        guard length <= limits.textLength else {
            throw JinjaError(.limit, "a text of more than \(limits.textLength) characters")
        }
    }

    func deeper<T>(_ line: Int, _ body: () throws(JinjaError) -> T) throws(JinjaError) -> T {
        depth += 1
        defer { depth -= 1 }
        guard depth <= limits.depth else {
            throw JinjaError(.limit, line: line, "nested deeper than \(limits.depth)")
        }
        do { return try body() } catch { throw error.at(line) }
    }

    func run(_ statements: [Statement], in frame: Frame, into output: inout Text) throws(JinjaError) -> Flow {
        for statement in statements {
            depth += 1
            defer { depth -= 1 }
            guard depth <= limits.depth else {
                throw JinjaError(.limit, line: statement.line, "nested deeper than \(limits.depth)")
            }
            do {
                try count()
                let flow = try run(statement.kind, in: frame, into: &output)
                if flow != .through { return flow }
            } catch {
                throw error.at(statement.line)
            }
        }
        return .through
    }

    private func run(_ statement: Statement.Kind, in frame: Frame, into output: inout Text) throws(JinjaError) -> Flow {
        switch statement {
        case .text(let text): try write(text, to: &output)
        case .output(let expression): try write(Printing.text(evaluate(expression, frame)), to: &output)
        case .printAll(let parts): for part in parts { try write(Printing.text(evaluate(part, frame)), to: &output) }
        case .branch(let branches, let otherwise):
            for branch in branches where try evaluate(branch.test, frame).isTrue {
                return try run(branch.body, in: frame, into: &output)
            }
            return try run(otherwise, in: frame, into: &output)
        case .loop(let loop): try run(loop, over: evaluate(loop.sequence, frame), in: frame, level: 0, into: &output)
        case .assign(let target, let expression): try assign(evaluate(expression, frame), to: target, in: frame)
        case .assignBlock, .filterBlock, .generation, .with, .macro, .callBlock:
            try runBlock(statement, in: frame, into: &output)
        case .stop: return .stop
        case .skip: return .skip
        }
        return .through
    }

    func write(_ text: Text, to output: inout Text) throws(JinjaError) {
        try checkLength(output.count + text.count)
        try count(1 + text.count / 8)
        output += text
    }

    private func runBlock(_ statement: Statement.Kind, in frame: Frame, into output: inout Text) throws(JinjaError) {
        switch statement {
        case .assignBlock(let target, let filters, let body):
            var value = Value.string(try captured(body, in: Frame(parent: frame)))
            if let filters { value = try filtered(filters, value, Frame(parent: frame)) }
            try assign(value, to: target, in: frame)
        case .filterBlock(let filters, let body):
            let text = try captured(body, in: Frame(parent: frame))
            try write(Self.text(filtered(filters, .string(text), frame)), to: &output)
        case .generation(let body): try write(captured(body, in: Frame(parent: frame)), to: &output)
        case .with(let bindings, let body):
            let inner = Frame(parent: frame)
            defer { inner.variables.removeAll() }
            for (target, expression) in bindings { try assign(evaluate(expression, frame), to: target, in: inner) }
            _ = try run(body, in: inner, into: &output)
        case .macro(let macro): frame.variables[macro.name] = .macro(Macro(body: macro, frame: frame))
        case .callBlock(let call, let body):
            let caller = Macro(body: body, frame: frame)
            let result = try deeper(call.line) { () throws(JinjaError) in
                try self.call(call, frame, caller: caller)
            }
            try write(Self.text(result), to: &output)
        default: break
        }
    }

    /// What a block gives has to be a text already.
    private static func text(_ value: Value) throws(JinjaError) -> Text {
        switch value {
        case .string(let text), .markup(let text): return text
        default: throw .type("the block gives a \(value.typeName), not a text")
        }
    }

    /// What `body` writes.
    func captured(_ body: [Statement], in frame: Frame) throws(JinjaError) -> Text {
        var text = Text(units: [])
        defer { frame.variables.removeAll() }
        _ = try run(body, in: frame, into: &text)
        return text
    }

    func assign(_ value: Value, to target: Target, in frame: Frame) throws(JinjaError) {
        switch target {
        case .name(let name): frame.variables[name] = value
        case .attribute(let name, let attribute):
            guard case .namespace(let space)? = frame.find(name) else {
                throw .type("cannot assign attribute on non-namespace object")
            }
            if case .namespace = value { throw .unsupported("a namespace within a namespace") }
            try value.checkedDepth()
            space.attributes[attribute] = value
        case .tuple(let targets):
            let items = try value.items()
            guard items.count == targets.count else {
                throw .type("\(targets.count) values are expected to unpack, not \(items.count)")
            }
            for (target, item) in zip(targets, items) { try assign(item, to: target, in: frame) }
        }
    }
}
