/// What `loop` is inside a `for`.
public final class LoopState {
    let items: [Value]
    var index = 0
    let level: Int
    var watched: [Value]?
    /// The loop itself and its surroundings, for `loop(…)`.
    let loop: Loop?
    let frame: Frame?

    init(items: [Value], level: Int, loop: Loop?, frame: Frame?) {
        self.items = items
        self.level = level
        self.loop = loop
        self.frame = frame
    }

    var count: Int { items.count }

    func attribute(_ name: String) -> Value? {
        switch name {
        case "index": .int(index + 1)
        case "index0": .int(index)
        case "revindex": .int(count - index)
        case "revindex0": .int(count - index - 1)
        case "first": .bool(index == 0)
        case "last": .bool(index == count - 1)
        case "length": .int(count)
        case "depth": .int(level + 1)
        case "depth0": .int(level)
        case "previtem": index > 0 ? items[index - 1] : .undefined("there is no previous item")
        case "nextitem": index + 1 < count ? items[index + 1] : .undefined("there is no next item")
        default: nil
        }
    }
}

extension Renderer {
    func run(_ loop: Loop, over sequence: Value, in frame: Frame, level: Int, into output: inout Text)
        throws(JinjaError)
    {
        var items = try sequence.items()
        try count(items.count)
        if let test = loop.test { items = try chosen(items, loop.target, test, frame) }
        let state = LoopState(
            items: items, level: level, loop: loop.isRecursive ? loop : nil, frame: loop.isRecursive ? frame : nil)
        // As in jinja2, `else` is for loops of which no round came to its end: `continue` in every round brings it, too.
        var isThrough = false
        for index in items.indices {
            state.index = index
            let inner = Frame(parent: frame)
            defer { inner.variables.removeAll() }
            inner.variables["loop"] = .loop(state)
            try assign(items[index], to: loop.target, in: inner)
            let flow = try run(loop.body, in: inner, into: &output)
            if flow == .stop { break }
            if flow == .through { isThrough = true }
        }
        if !isThrough {
            let inner = Frame(parent: frame)
            defer { inner.variables.removeAll() }
            _ = try run(loop.otherwise, in: inner, into: &output)
        }
    }

    private func chosen(_ items: [Value], _ target: Target, _ test: Expression, _ frame: Frame) throws(JinjaError)
        -> [Value]
    {
        var result: [Value] = []
        for item in items {
            let inner = Frame(parent: frame)
            try assign(item, to: target, in: inner)
            if try evaluate(test, inner).isTrue { result.append(item) }
        }
        return result
    }

    /// `loop(…)`, `loop.cycle(…)`, `loop.changed(…)`
    func callLoop(_ state: LoopState, _ method: String?, _ call: Call) throws(JinjaError) -> Value {
        switch method {
        case "cycle":
            guard !call.positional.isEmpty else { throw .type("no items for cycling given") }
            return call.positional[state.index % call.positional.count]
        case "changed":
            if let watched = state.watched, try Comparing.equal(.tuple(watched), .tuple(call.positional)) {
                return .bool(false)
            }
            state.watched = call.positional
            return .bool(true)
        default:
            guard let loop = state.loop, let frame = state.frame else {
                throw .type("the loop must have the recursive marker to be called")
            }
            let bound = try call.bound(["iterable"], required: 1, name: "loop")
            var text = Text(units: [])
            try run(loop, over: bound[0] ?? .none, in: frame, level: state.level + 1, into: &text)
            return .string(text)
        }
    }
}
