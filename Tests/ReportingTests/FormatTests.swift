import Reporting
import Testing

@Suite struct FormatTests {
    @Test(arguments: [
        (0.0, 2, "0.00"), (1.005, 1, "1.0"), (-0.004, 2, "0.00"), (-1.5, 2, "-1.50"), (12.3456, 3, "12.346"),
        (0.07, 0, "0"),
        (.nan, 2, "nan"), (-.infinity, 2, "-inf"),
    ])
    func fixed(value: Double, decimals: Int, text: String) {
        #expect(Format.fixed(value, decimals) == text)
    }

    @Test(arguments: [
        (0.5, 0.1, "0.50 ± 0.10"), (99_999, 3, "99999.00 ± 3.00"), (54_975_512_874, 2.6996e10, "5.5e10 ± 2.7e10"),
        (100_000, 0, "1.0e5 ± 0.0"), (9.96e9, 12, "1.0e10 ± 1.2e1"), (2e6, 0.0312, "2.0e6 ± 3.1e-2"),
    ])
    func estimates(value: Double, error: Double, text: String) {
        #expect(Format.estimate(value, error) == text)
    }

    @Test(arguments: [(0.0, "0:00"), (65.4, "1:05"), (3723.0, "1:02:03"), (.infinity, "?"), (-1.0, "?")])
    func duration(seconds: Double, text: String) {
        #expect(Format.duration(seconds) == text)
    }

    @Test func bytes() {
        #expect(Format.bytes(999) == "999 B")
        #expect(Format.bytes(1_433_600_000) == "1.4 GB")
    }

    @Test func lineFlattensAndCuts() {
        #expect(Format.line("a\nb\tc") == "a b c")
        #expect(Format.line("abcdef", limit: 4) == "abc…")
    }
}
