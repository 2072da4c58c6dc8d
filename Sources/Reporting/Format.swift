/// Numbers as the reports print them.
public enum Format {
    /// Fixed decimals, without the C library's locale.
    public static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        let scale = (0..<decimals).reduce(1.0) { product, _ in product * 10 }
        let scaled = (abs(value) * scale).rounded()
        guard scaled < 1e15 else { return "\(value)" }
        let digits = String(Int(scaled))
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + padded }
        return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }

    /// "0.23 ± 0.06"; "5.5e10 ± 2.7e10" from 100,000 on.
    public static func estimate(_ value: Double, _ error: Double, decimals: Int = 2) -> String {
        guard abs(value) < 1e5, abs(error) < 1e5 else { return scientific(value) + " ± " + scientific(error) }
        return fixed(value, decimals) + " ± " + fixed(error, decimals)
    }

    /// "0.23 [0.12, 0.39]": a number with the interval it lies in.
    public static func interval(_ value: Double, _ low: Double, _ high: Double) -> String {
        "\(number(value)) [\(number(low)), \(number(high))]"
    }

    /// "0.23"; "5.5e10" from 100,000 on.
    public static func number(_ value: Double, decimals: Int = 2) -> String {
        abs(value) < 1e5 ? fixed(value, decimals) : scientific(value)
    }

    /// One decimal and a power of ten: "5.5e10".
    static func scientific(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return fixed(value, 1) }
        var (mantissa, exponent) = (abs(value), 0)
        while mantissa >= 9.95 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
        while mantissa < 0.995 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
        return (value < 0 ? "-" : "") + fixed(mantissa, 1) + "e\(exponent)"
    }

    /// "1:05", "2:03:04"
    public static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
        let total = Int(seconds.rounded())
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
    }

    /// "1.2 GB"; powers of 1000.
    public static func bytes(_ count: Int) -> String {
        var value = Double(count)
        for unit in ["B", "kB", "MB", "GB", "TB"] {
            if value < 999.95 || unit == "TB" { return unit == "B" ? "\(count) B" : "\(fixed(value, 1)) \(unit)" }
            value /= 1000
        }
        return "\(count) B"
    }

    /// Lines of at most `width` characters, broken at blanks; all but the first are indented.
    public static func wrapped(_ text: String, width: Int = 110, indent: Int = 2) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] += " " + word
            } else {
                lines.append(String(repeating: " ", count: lines.isEmpty ? 0 : indent) + word)
            }
        }
        return lines
    }

    /// One line of at most `limit` characters.
    public static func line(_ text: String, limit: Int = 100) -> String {
        let flat = text.map { $0.isNewline || $0 == "\t" ? " " : String($0) }.joined()
        return flat.count <= limit ? flat : flat.prefix(limit - 1) + "…"
    }
}
