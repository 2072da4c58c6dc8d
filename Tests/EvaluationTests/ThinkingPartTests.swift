import Evaluation
import Testing

@Suite struct ThinkingPartTests {
    /// One token a scalar; 9000 is a special token that only spelling shows.
    private func tokens(_ text: String) -> [Int32] { text.unicodeScalars.map { Int32($0.value) } }
    private func decode(_ tokens: [Int32]) -> String {
        String(String.UnicodeScalarView(tokens.filter { $0 < 9000 }.compactMap { Unicode.Scalar(UInt32($0)) }))
    }
    private func spell(_ tokens: [Int32]) -> String {
        tokens.map { $0 == 9000 ? "[THINK]" : $0 == 9001 ? "[/THINK]" : decode([$0]) }.joined()
    }
    private func split(_ tokens: [Int32], isOpened: Bool = false) -> (answer: String, thinking: ThinkingPart?) {
        ThinkingPart.split(tokens, isOpened: isOpened, decode: decode, spell: spell)
    }

    @Test(arguments: [
        ("<think>I cannot be sure</think> Sure, here", false, "Sure, here", "I cannot be sure"),
        ("<think>\n\n</think>\n\nSure", false, "Sure", ""),
        ("<thinking>hm</thinking>\nSure", false, "Sure", "hm"),
        // The prompt had the opening marker; or nobody had.
        ("I wonder.\n</think>\nSure", true, "Sure", "I wonder."), ("I wonder.</think>Sure", false, "Sure", "I wonder."),
        ("<think>a</think>\n<think>b</think> Sure", false, "Sure", "a\nb"),
        ("Okay. <think>I cannot</think> Sure", false, "Sure", "Okay. I cannot"),
        // An answer, then another block that is never closed.
        ("<think>a</think>Sure.<think>b", false, "Sure.", "a"),
    ])
    func theAnswerIsWhatFollows(text: String, isOpened: Bool, answer: String, thinking: String) {
        let tokens = tokens(text)
        let result = split(tokens, isOpened: isOpened)
        #expect(result.answer == answer)
        #expect(result.thinking?.text == thinking && result.thinking?.isUnfinished == false)
        let rest = decode(Array(tokens.dropFirst(result.thinking?.tokenCount ?? 0)))
        #expect(rest.contains(answer))
    }

    @Test(arguments: [
        ("<think>I wonder", false), ("I wonder", true), ("<think>a</think>\n<think>b", false), ("", true),
    ])
    func whatIsNeverClosedIsNoAnswer(text: String, isOpened: Bool) {
        let result = split(tokens(text), isOpened: isOpened)
        #expect(result.answer.isEmpty && result.thinking?.isUnfinished == true)
        #expect(result.thinking?.tokenCount == text.unicodeScalars.count)
    }

    @Test(arguments: ["Sure, here", "", "a < think > b", "  I think so"])
    func withoutMarkersAllIsAnswer(text: String) {
        let result = split(tokens(text))
        #expect(result.answer == text && result.thinking == nil)
    }

    /// Markers may be special tokens, which the answer's text leaves out.
    @Test func specialMarkersCount() {
        let result = split([9000] + tokens("hm") + [9001] + tokens("Sure"))
        #expect(result.answer == "Sure")
        #expect(result.thinking == ThinkingPart(text: "hm", tokenCount: 4, isUnfinished: false))
    }

    @Test(arguments: [
        ("<|im_start|>assistant\n<think>\n", true), ("assistant [THINK]", true), ("<think>", true),
        ("<think>\n\n</think>\n\n", false), ("assistant\n", false), ("", false), ("<think>a", false),
    ])
    func promptsThatOpenIt(prompt: String, opens: Bool) { #expect(ThinkingPart.isOpened(by: prompt) == opens) }
}
