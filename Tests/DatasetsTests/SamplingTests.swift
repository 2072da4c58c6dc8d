import Datasets
import Tensors
import Testing

@Suite struct SamplingTests {
    private let items = Array(0..<100)

    private func draw(_ count: Int?, seed: UInt64 = 1, name: String = "a") throws -> [Int] {
        try Sampling.sample(items, count: count, seed: seed, name: name, source: "f")
    }

    @Test func isAFunctionOfSeedAndName() throws {
        #expect(try draw(10) == draw(10))
        #expect(try draw(10) != draw(10, seed: 2))
        #expect(try draw(10) != draw(10, name: "b"))
        #expect(try draw(10) == draw(10).sorted())
        #expect(try Set(draw(10)).count == 10)
        #expect(try draw(nil) == items)
    }

    @Test func asksForNoMoreThanThereIs() {
        #expect(throws: InputError("f", "101 samples were asked for, the file has 100")) { try draw(101) }
        #expect(throws: InputError("f", "cannot take 0 samples; ask for at least one")) { try draw(0) }
    }

    @Test func overlapIsCounted() {
        #expect(Sampling.overlapWarning(calibration: ["a", "b"], evaluation: ["c"], name: "harmful") == nil)
        let line = Sampling.overlapWarning(calibration: ["a ", "b"], evaluation: ["a", "c", "b"], name: "harmful")
        #expect(line?.hasPrefix("2 of 3 harmful prompts") == true)
    }
}
