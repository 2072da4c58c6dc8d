/// `value.name` and `value[index]`, as jinja2's sandbox finds them: the attribute first, or the item first.
enum Attributes {
    private static func missing(_ value: Value, _ name: String) -> Value {
        let owner = value.isNone ? "None" : "\(value.typeName) object"
        return .undefined("'\(owner)' has no attribute '\(name)'")
    }

    static func attribute(_ value: Value, _ name: String) throws(JinjaError) -> Value {
        if let own = try ownAttribute(value, name) { return own }
        if case .dict(let dict) = value, let item = dict[.string(Text(name))] { return item }
        return missing(value, name)
    }

    /// What Python's `getattr` finds.
    static func ownAttribute(_ value: Value, _ name: String) throws(JinjaError) -> Value? {
        if case .undefined(let hint) = value { throw .type(hint) }
        if name.hasPrefix("__") { throw .unsupported("the attribute \(name)") }
        switch value {
        case .namespace(let space): return space.attributes[name]
        case .loop(let loop):
            return ["cycle", "changed"].contains(name)
                ? .method(Method(owner: value, name: name)) : loop.attribute(name)
        case .macro(let macro) where name == "name": return .string(Text(macro.body.name))
        case .macro, .method, .function: throw .unsupported("the attribute \(name) of a \(value.typeName)")
        default: return Methods.exists(value, name) ? .method(Method(owner: value, name: name)) : nil
        }
    }

    static func item(_ value: Value, _ index: Value) throws(JinjaError) -> Value {
        if case .undefined(let hint) = value { throw .type(hint) }
        if case .dict(let dict) = value {
            if case .list = index { return missing(value, "list") }
            if case .dict = index { return missing(value, "dict") }
            if let item = dict[try Key(index)] { return item }
        }
        if case .string(let name) = index {
            return try ownAttribute(value, name.string) ?? missing(value, name.string)
        }
        let place: Int
        switch index {
        case .int(let number): place = number
        case .bool(let flag): place = flag ? 1 : 0
        case .markup: throw .unsupported("a text marked as safe as an index")
        default: return missing(value, "…")
        }
        func at(_ count: Int) -> Int? {
            let real = place < 0 ? (place < -count ? -1 : place + count) : place
            return real >= 0 && real < count ? real : nil
        }
        switch value {
        case .string(let text): if let place = at(text.count) { return .string(text[place..<place + 1]) }
        case .list(let items), .tuple(let items): if let place = at(items.count) { return items[place] }
        case .range(let range): if let place = at(range.count) { return .int(range.start + place * range.step) }
        case .markup: throw .unsupported("a character of a text marked as safe")
        default: break
        }
        return missing(value, "\(place)")
    }
}
