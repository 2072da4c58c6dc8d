import ArgumentParser
import Coordinator
import Selection
import Tensors
import TestSupport
import Testing

@Suite struct CommandExitTests {
    private func parse(_ arguments: String...) -> CommandExit? {
        do {
            var command = try Faultline.parseAsRoot(arguments)
            // Help parses into a command of its own, which ends by throwing its text.
            if arguments.contains("--help") { try command.run() }
        } catch { return CommandExit(error) }
        return nil
    }

    @Test func badInputIsTwoAndOneLine() {
        #expect(CommandExit(InputError("f:1", "x\n  y")) == CommandExit(code: 2, text: "f:1: x y"))
        #expect(CommandExit(SelectionError.percentOutOfRange(name: "q", value: 101)).code == 2)
        #expect(CommandExit(TensorFileError(file: "f", fault: "x")) == CommandExit(code: 2, text: "f: x"))
        #expect(CommandExit(InternalError("x")) == CommandExit(code: 1, text: "x"))
    }

    @Test func usageIsTwoAndHelpIsZero() {
        #expect(parse("scor")?.code == 2)
        #expect(parse("mask", "--out", "m")?.code == 2)
        #expect(
            parse("score", "--model", "m", "--method", "snip", "--out", "s")?.text == "--method snip needs --data PAIRS"
        )
        #expect(parse("score", "--model", "m", "--method", "snip", "--out", "s")?.code == 2)
        for method in ["magnitude", "random"] {
            let exit = parse("score", "--model", "m", "--method", method, "--data", "d", "--out", "s")
            #expect(exit == CommandExit(code: 2, text: "--method \(method) looks at no data: leave out --data"))
        }
        #expect(parse("study", "run", "s", "--workers", "0")?.code == 2)
        let help = parse("mask", "--help")
        #expect(help?.code == 0)
        #expect(help?.isOutput == true)
        #expect(help?.text.contains("--utility") == true)
    }

    @Test func soundCommandLinesParse() {
        #expect(
            parse("mask", "--safety", "s", "--utility", "u", "--q", "1", "--p", "1", "--group", "row", "--out", "m")
                == nil)
        #expect(parse("mask", "--random", "--like", "m", "--out", "r") == nil)
        #expect(parse("evaluate", "--model", "m", "--tasks", "a", "b", "--mask", "k", "--out", "r") == nil)
        #expect(parse("answer", "--model", "m", "--prompts", "p", "--keep", "all", "--out", "o") == nil)
        #expect(parse("finetune", "--model", "m", "--data", "d", "--freeze", "k", "--out", "o") == nil)
    }
}

extension CommandExit {
    init(code: Int32, text: String) {
        self.init(InternalError(text))
        self.code = code
    }
}
