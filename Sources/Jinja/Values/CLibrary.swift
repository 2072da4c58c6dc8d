#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The two things that the C library does as Python does them.
enum CLibrary {
    static func power(_ a: Double, _ b: Double) throws(JinjaError) -> Double {
        if a == 0, b < 0 { throw .type("0.0 cannot be raised to a negative power") }
        guard a >= 0 || b == b.rounded() else { throw .unsupported("a complex number") }
        let result = pow(a, b)
        guard result.isFinite || !a.isFinite || !b.isFinite else { throw .type("the result is too large") }
        return result
    }

    /// A number as `printf` writes it; `format` has one conversion of a double, and its precision is below 100.
    static func formatted(_ number: Double, _ format: String) -> String {
        var buffer = [CChar](repeating: 0, count: 512)
        let length = withVaList([number]) { vsnprintf(&buffer, buffer.count, format, $0) }
        return String(
            decoding: buffer.prefix(max(0, min(Int(length), 511))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
