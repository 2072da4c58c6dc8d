import Evaluation
import Testing

/// VISAGE by hand, by the text and by the published code (arXiv 2405.17374).
@Suite struct VisageTests {
    private static let vectors: [([Double], ClosedRange<Int>, Double, Double)] = [
        ([100, 100, 80, 0, 0, 0, 90, 100, 100], 2...6, 66, 66),
        // A point at 100 inside the basin: the code counts it as 0, the text leaves it out.
        ([100, 50, 100, 0, 0, 50, 100], 1...5, 60, 75),
        // No wall on either side: from the first to the last point.
        ([10, 20, 30, 40], 0...3, 75, 75),
        // A wall in the other half is none.
        ([10, 20, 100, 100], 0...3, 42.5, 85),
        ([100, 80, 0, 0, 0], 1...4, 80, 80),
        // The middle point, of index N / 2, begins and ends nothing: a basin of that point alone is the whole curve.
        ([100, 0, 0], 0...2, 200.0 / 3, 100),
        ([100, 100, 0, 100, 100], 0...4, 20, 100),
        ([100, 100, 0, 0, 100], 0...3, 50, 100),
        ([100, 0, 0, 100, 100], 1...4, 50, 100),
        ([0], 0...0, 100, 100),
    ]

    /// Window, mean of the code, expectation of the text.
    @Test(arguments: vectors) func handVectors(
        _ percent: [Double], _ window: ClosedRange<Int>, _ code: Double, _ text: Double
    ) throws {
        #expect(Visage.window(percent) == window)
        #expect(abs(try #require(Visage.safetyAverage(percent)) - code) < 1e-12)
        #expect(abs(try #require(Visage.expectation(percent)) - text) < 1e-12)
    }

    @Test func nothingSafeHasNoExpectation() {
        #expect(Visage.expectation([100, 100, 100]) == nil)
        #expect(Visage.safetyAverage([100, 100, 100]) == 0)
        #expect(Visage.safetyAverage([]) == nil)
        // Between 99.99 and 100 the code sees no wall, and the text a safe point.
        #expect(Visage.window([99.995, 99.995, 99.995]) == 0...2)
        #expect(Visage.expectation([100, 99.995]).map { $0 < 0.0051 && $0 > 0.0049 } == true)
    }
}
