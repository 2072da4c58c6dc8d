import Evaluation
import StudyReport
import StudySupport
import Testing

@Suite struct DifferenceTests {
    @Test func errorsAddInSquares() {
        let a = Estimate(value: 3, standardError: 0.3, count: 10)
        let difference = Difference(a, minus: Estimate(value: 1, standardError: 0.4, count: 10))
        #expect(abs(difference.value - 2) < 1e-12 && abs(difference.standardError - 0.5) < 1e-12)
        #expect(difference.isAbove && !difference.isBelow && !difference.isNone)
        #expect(difference.text == "+2.00 ± 0.50")
    }

    /// 0 of 10 against 0 of 10: (0 + 2) / 14 each, √(2 · (1/7)(6/7)/14) by hand.
    @Test func aRateOfNothingIsNotSure() {
        let none = Estimate(value: 0, standardError: 0, count: 10)
        let difference = Difference(ofRates: none, minus: none)
        #expect(abs(difference.standardError - (2 * (6.0 / 49) / 14).squareRoot()) < 1e-12)
        #expect(difference.isWithinError)
        // 10 prompts could not have shown a difference of 0.2; 100 could.
        #expect(!difference.isNone)
        let many = Estimate(value: 0, standardError: 0, count: 100)
        #expect(Difference(ofRates: many, minus: many).isNone)
    }

    @Test func oneHitOfTwentyIsNoDifference() {
        let difference = Difference(ofRates: Fake.rate(0.05, of: 20), minus: Fake.rate(0, of: 20))
        #expect(difference.isWithinError)
        #expect(Difference(ofRates: Fake.rate(0.5, of: 20), minus: Fake.rate(0, of: 20)).isAbove)
        #expect(Difference(ofRates: Fake.rate(0, of: 20), minus: Fake.rate(0.5, of: 20)).isBelow)
    }
}
