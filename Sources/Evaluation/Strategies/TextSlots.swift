/// Texts with places to be filled, as in `{prompt}`.
enum TextSlots {
    /// All places are filled at once, so that braces in what is put in stay what they are; other braces stay, too.
    /// - Parameter values: by the names that stand in braces.
    static func filled(_ text: String, _ values: [(name: String, value: String)]) -> String {
        var result = ""
        var rest = Substring(text)
        while let open = rest.firstIndex(of: "{") {
            result += rest[..<open]
            rest = rest[open...]
            if let (name, value) = values.first(where: { rest.hasPrefix("{\($0.name)}") }) {
                result += value
                rest = rest.dropFirst(name.count + 2)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result + rest
    }
}
