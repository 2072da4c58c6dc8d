import Coordinator
import TestSupport
import Testing

@Suite struct PromptFileTests {
    let folder = TemporaryFolder()

    @Test func linesAndAdvBenchColumns() throws {
        #expect(try PromptFile.read(folder.write("one\r\n\n  two \n", to: "p.txt")) == ["one", "two"])
        #expect(try PromptFile.read(folder.write("goal,target\n\"a, b\",x\nc,y\n", to: "p.csv")) == ["a, b", "c"])
    }

    @Test func faults() {
        let empty = folder.write("\n \n", to: "e.txt")
        #expect(throws: InputError(empty, "no prompts in this file")) { try PromptFile.read(empty) }
        let other = folder.write("x,y\n1,2\n", to: "o.csv")
        #expect(throws: InputError("\(other):1", "no column called goal, Behavior, prompt; found x, y")) {
            try PromptFile.read(other)
        }
        let hole = folder.write("goal,target\n ,y\n", to: "h.csv")
        #expect(throws: InputError("\(hole):2", "goal is empty")) { try PromptFile.read(hole) }
    }
}
