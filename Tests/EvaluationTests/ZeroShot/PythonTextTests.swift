import Evaluation
import Tensors
import Testing

@Suite struct PythonTextTests {
    @Test func equalsPython() {
        let cases = ZeroShotFixture.list("texts")
        #expect(cases.count > 15)
        for entry in cases {
            let text = entry["text"]!.string!
            // Swift's == would call canonically equal texts the same.
            #expect(Array(PythonText.strip(text).utf8) == Array(entry["strip"]!.string!.utf8), "strip \(text)")
            #expect(
                Array(PythonText.capitalize(text).utf8) == Array(entry["capitalize"]!.string!.utf8),
                "capitalize \(text)")
            #expect(PythonText.length(text) == entry["length"]!.int!, "len \(text)")
            #expect(Array(ZeroShotTask.cleaned(text).utf8) == Array(entry["cleaned"]!.string!.utf8), "cleaned \(text)")
        }
    }

    @Test func replacesFromTheLeftWithoutOverlap() {
        #expect(PythonText.replace("aaa  b", "aa", with: "x") == "xa  b")
        #expect(PythonText.replace("ab", "abc", with: "x") == "ab")
    }
}
