/// `abs`, `int`, `float`, `round`, and what makes one value of many.
enum NumberFilters {
    static func apply(_ name: String, _ value: Value, _ call: Call, _ renderer: Renderer) throws(JinjaError) -> Value {
        switch name {
        case "abs":
            _ = try call.bound([], name: name)
            guard let number = Number(value) else { throw Operators.wrong("abs", value) }
            switch number {
            case .int(let whole): return whole < 0 ? try Number.combine(.sub, .int(0), number) : .int(whole)
            case .float(let broken): return .float(broken.magnitude)
            }
        case "int": return try int(value, call)
        case "float":
            let standard = try call.bound(["default"], name: name)[0] ?? .float(0)
            return try float(value).map { .float($0) } ?? standard
        case "round": return try round(value, call)
        case "sum":
            let bound = try call.bound(["attribute", "start"], name: name)
            let path = try AttributePath(bound[0])
            var result = bound[1] ?? .int(0)
            if case .string = result { throw .type("sum() can't sum strings") }
            for item in try value.items() {
                result = try Operators.combine(.add, result, path.value(of: item), renderer)
            }
            return result
        default: return try extreme(name, value, call)
        }
    }

    private static func extreme(_ name: String, _ value: Value, _ call: Call) throws(JinjaError) -> Value {
        let bound = try call.bound(["case_sensitive", "attribute"], name: name)
        let items = try value.items()
        guard var best = items.first else { return .undefined("No aggregated item, sequence was empty.") }
        let order = try SortKey(attribute: bound[1], isCaseSensitive: bound[0]?.isTrue ?? false)
        for item in items.dropFirst() {
            let (a, b) = (try order.key(item), try order.key(best))
            if try name == "min" ? Comparing.less(a, b) : Comparing.order(a, b, ">") == .greater { best = item }
        }
        return best
    }

    /// Text as Python's `float()` reads it; `nil` where it does not.
    private static func float(_ value: Value) throws(JinjaError) -> Double? {
        if let number = Number(value) { return number.double }
        switch value {
        case .undefined(let hint): throw .type(hint)
        case .string(let text): return try number(in: text)
        case .markup: throw .unsupported("a number of a text marked as safe")
        default: return nil
        }
    }

    private static func number(in text: Text) throws(JinjaError) -> Double? {
        let word = text.stripped().string
        guard let plain = withoutUnderscores(word) else { return nil }
        guard !hasOtherDigits(plain) else { throw .unsupported("a number in digits beyond ASCII") }
        let body = plain.first == "-" || plain.first == "+" ? plain.dropFirst() : plain[...]
        let lower = body.lowercased()
        if ["inf", "infinity", "nan"].contains(lower) {
            let size = lower == "nan" ? Double.nan : Double.infinity
            return plain.first == "-" ? -size : size
        }
        guard body.utf8.allSatisfy({ (0x30...0x39).contains($0) || [0x2E, 0x65, 0x45, 0x2B, 0x2D].contains($0) }) else {
            return nil
        }
        let hasDigit = body.utf8.prefix { $0 | 0x20 != 0x65 }.contains { (0x30...0x39).contains($0) }
        guard hasDigit, let last = body.utf8.last, (0x30...0x39).contains(last) || last == 0x2E else { return nil }
        // Swift reads neither "1." nor ".5e1" everywhere.
        let parts = body.split(omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
        guard parts.count <= 2, var mantissa = parts.first.map(String.init) else { return nil }
        if mantissa.hasPrefix(".") { mantissa = "0" + mantissa }
        if mantissa.hasSuffix(".") { mantissa += "0" }
        guard let result = Double(parts.count == 2 ? mantissa + "e" + parts[1] : mantissa) else { return nil }
        return plain.first == "-" ? -result : result
    }

    /// Python reads every script's digits.
    private static func hasOtherDigits(_ word: String) -> Bool {
        word.unicodeScalars.contains { !$0.isASCII && $0.properties.generalCategory == .decimalNumber }
    }

    /// Python allows single underscores between digits.
    private static func withoutUnderscores(_ word: String) -> String? {
        let bytes = Array(word.utf8)
        for (index, byte) in bytes.enumerated() where byte == 0x5F {
            guard index > 0, index + 1 < bytes.count, (0x30...0x39).contains(bytes[index - 1]),
                (0x30...0x39).contains(bytes[index + 1])
            else {
                return nil
            }
        }
        return String(decoding: bytes.filter { $0 != 0x5F }, as: UTF8.self)
    }

    private static func int(_ value: Value, _ call: Call) throws(JinjaError) -> Value {
        let bound = try call.bound(["default", "base"], name: "int")
        let standard = bound[0] ?? .int(0)
        if case .string(let text) = value {
            let base = try bound[1].map { value throws(JinjaError) in try Globals.integer(value, "int") } ?? 10
            guard [2, 8, 10, 16].contains(base) else { throw .unsupported("int with base \(base)") }
            if let whole = try integer(in: text.stripped().string, base: base) { return .int(whole) }
        } else if case .int(let whole)? = Number(value) {
            return .int(whole)
        }
        guard let broken = try float(value), broken.isFinite else { return standard }
        guard let whole = Int(exactly: broken.rounded(.towardZero)) else {
            throw .unsupported("an integer beyond 64 bits")
        }
        return .int(whole)
    }

    private static func integer(in word: String, base: Int) throws(JinjaError) -> Int? {
        guard let plain = withoutUnderscores(word) else { return nil }
        guard !hasOtherDigits(plain) else { throw .unsupported("a number in digits beyond ASCII") }
        var body = plain.first == "-" || plain.first == "+" ? plain.dropFirst() : plain[...]
        let prefix = [2: "0b", 8: "0o", 16: "0x"][base]
        if let prefix, body.lowercased().hasPrefix(prefix) { body = body.dropFirst(2) }
        guard !body.isEmpty, body.utf8.allSatisfy({ $0 != 0x2B && $0 != 0x2D }) else { return nil }
        if base == 10, body.utf8.allSatisfy({ (0x30...0x39).contains($0) }), Int(body) == nil {
            throw .unsupported("an integer beyond 64 bits")
        }
        return Int((plain.first == "-" ? "-" : "") + body, radix: base)
    }

    private static func round(_ value: Value, _ call: Call) throws(JinjaError) -> Value {
        let bound = try call.bound(["precision", "method"], name: "round")
        let precision = try Globals.integer(bound[0] ?? .int(0), "round")
        let method = try Printing.text(bound[1] ?? .text("common")).string
        guard ["common", "ceil", "floor"].contains(method) else {
            throw .type("method must be common, ceil or floor")
        }
        guard let number = Number(value) else { throw Operators.wrong("round", value) }
        guard (0...15).contains(precision) else { throw .unsupported("round to \(precision) digits") }
        if method == "common" {
            if case .int = number { return number.value }
            guard number.double.isFinite else { return number.value }
            return .float(Double(CLibrary.formatted(number.double, "%.\(precision)f")) ?? number.double)
        }
        let scale = try CLibrary.power(10, Double(precision))
        let scaled = number.double * scale
        guard scaled.isFinite else { throw .type("cannot convert float infinity to integer") }
        return .float((method == "ceil" ? scaled.rounded(.up) : scaled.rounded(.down)) / scale)
    }
}
