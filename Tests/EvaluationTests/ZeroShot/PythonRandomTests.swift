import Evaluation
import Tensors
import Testing

@Suite struct PythonRandomTests {
    @Test func shufflesAsPython() {
        let cases = ZeroShotFixture.list("shuffles")
        #expect(cases.count > 50)
        for entry in cases {
            let size = entry["size"]!.int!
            var order = Array(0..<size)
            var random = PythonRandom(seed: UInt64(entry["seed"]!.string!)!)
            random.shuffle(&order)
            let name: Comment = "seed \(entry["seed"]!.string!), size \(size)"
            #expect(order.prefix(8).elementsEqual(entry["first"]!.elements!.map { $0.int! }), name)
            let text = order.map(String.init).joined(separator: ",")
            #expect(Digest.sha256(Array(text.utf8)) == entry["sha256"]!.string!, name)
        }
    }

    @Test func drawsBitsAsPython() {
        for entry in ZeroShotFixture.list("bits") {
            var random = PythonRandom(seed: UInt64(entry["seed"]!.string!)!)
            let drawn = (1...64).map { "\(random.bits($0))" }
            #expect(drawn == entry["values"]!.elements!.map { $0.string! }, "seed \(entry["seed"]!.string!)")
        }
    }

    /// Random(42).shuffle(list(range(10))) as any Python prints it.
    @Test func knownOrder() {
        var order = Array(0..<10)
        var random = PythonRandom(seed: 42)
        random.shuffle(&order)
        #expect(order == [7, 3, 2, 8, 5, 6, 9, 4, 0, 1])
    }
}
