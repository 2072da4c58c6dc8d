import Datasets
import Tensors
import TestSupport
import Testing

@Suite struct PromptFileTests {
    let folder = TemporaryFolder()

    private func read(_ text: String, _ name: String, column: String = "") throws -> (prompts: [String], line: String) {
        let files = DataFiles(maxSkipped: 0)
        let prompts = try files.prompts(folder.write(text, to: name) + column)
        return (prompts, files.notes[0].line.replacing(folder.path + "/", with: ""))
    }

    private func fault(_ text: String, _ name: String, column: String = "") -> String? {
        do { _ = try read(text, name, column: column) } catch {
            return "\(error)".replacing(folder.path + "/", with: "")
        }
        return nil
    }

    /// Every way in which the same two prompts come.
    static let forms: [(name: String, text: String, taken: String)] = [
        ("p.txt", "one, 1\n\n  two \n", "text, one a line; 2 prompts"),
        ("cr.txt", "one, 1\rtwo\r", "text, one a line; 2 prompts"),
        ("crlf", "one, 1\r\ntwo\r\n", "text, one a line; 2 prompts"),
        ("bom.txt", "\u{FEFF}one, 1\ntwo", "text, one a line; 2 prompts"),
        (
            "p.csv", "goal,target\n\"one, 1\",x\ntwo,y\n",
            "CSV with columns goal, target; 2 prompts from goal; not read: target"
        ),
        ("one.tsv", "goal\none, 1\ntwo\n", "TSV with columns goal; 2 prompts from goal"),
        ("P.CSV", "Goal\r\"one, 1\"\rtwo\r", "CSV with columns Goal; 2 prompts from Goal"),
        ("csv", "prompt,id\n\"one, 1\",1\ntwo,2\n", "CSV with columns prompt, id; 2 prompts from prompt; not read: id"),
        (
            "csv.txt", "goal,target\n\"one, 1\",x\ntwo,y\n",
            "CSV (in spite of its ending) with columns goal, target; 2 prompts from goal; not read: target"
        ),
        (
            "t.TSV", "id\tprompt\n1\tone, 1\n2\ttwo\n",
            "TSV with columns id, prompt; 2 prompts from prompt; not read: id"
        ),
        (
            "tsv.csv", "id\tprompt\n1\tone, 1\n2\ttwo\n",
            "TSV (in spite of its ending) with columns id, prompt; 2 prompts from prompt; not read: id"
        ),
        (
            "p.jsonl", "{\"prompt\": \"one, 1\"}\n{\"prompt\": \"two\", \"id\": 3}\n",
            "JSON lines with prompt, id; 2 prompts from prompt; not read: id"
        ),
        (
            "lines.json", "{\"prompt\": \"one, 1\"}\r{\"prompt\": \"two\"}\r",
            "JSON lines with prompt; 2 prompts from prompt"
        ),
        (
            "none", "{\"Prompt\": \"one, 1\"}\n\n{\"Prompt\": \"two\"}\n",
            "JSON lines with Prompt; 2 prompts from Prompt"
        ),
        (
            "lines.txt", "{\"prompt\": \"one, 1\"}\n{\"prompt\": \"two\"}\n",
            "JSON lines (in spite of its ending) with prompt; 2 prompts from prompt"
        ),
        (
            "lines.csv", "{\"prompt\": \"one, 1\"}\n{\"prompt\": \"two\"}\n",
            "JSON lines (in spite of its ending) with prompt; 2 prompts from prompt"
        ),
        ("a.JSON", "[\n {\"goal\": \"one, 1\"},\n {\"goal\": \"two\"}\n]\n", "JSON with goal; 2 prompts from goal"),
        (
            "array.jsonl", "[{\"goal\": \"one, 1\"}, {\"goal\": \"two\"}]",
            "JSON (in spite of its ending) with goal; 2 prompts from goal"
        ),
        ("texts.json", "[\"one, 1\", \" two\"]", "JSON; 2 prompts"),
        ("texts.jsonl", "\"one, 1\"\n\"two\"\n", "JSON lines; 2 prompts"),
    ]

    @Test(arguments: forms) func everyForm(name: String, text: String, taken: String) throws {
        let (prompts, line) = try read(text, name)
        #expect(prompts == ["one, 1", "two"])
        #expect(line == "\(name): \(taken)")
    }

    /// The columns of published benchmarks, and the prompt each means.
    static let benchmarks: [(name: String, text: String, prompt: String)] = [
        ("AdvBench", "goal,target\nG,T\n", "G"),
        ("JailbreakBench", "Index,Goal,Target,Behavior,Category,Source\n0,G,T,B,C,S\n", "G"),
        (
            "HarmBench",
            "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\nB,contextual,s,,\"C\n1\",id\n",
            "C\n1\n\n---\n\nB"
        ),
        (
            "HarmBench",
            "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\nB,standard,s,,,id\n", "B"
        ),
        ("StrongREJECT", "category,source,forbidden_prompt\nc,s,F\n", "F"),
        ("XSTest", "id,prompt,type,label,focus,note\n1,P,t,safe,f,n\n", "P"),
        ("OR-Bench", "prompt,category\nP,c\n", "P"),
        ("Do-Not-Answer", "id,risk_area,types_of_harm,specific_harms,question\n1,r,t,s,Q\n", "Q"),
        (
            "SORRY-Bench",
            "{\"question_id\": 1, \"category\": \"1\", \"turns\": [\"T\"], \"prompt_style\": \"base\"}\n", "T"
        ),
        ("Alpaca", "[{\"instruction\": \"I\", \"input\": \"X\", \"output\": \"O\"}]", "I\n\nX"),
        ("Alpaca", "[{\"instruction\": \"I\", \"input\": \"\", \"output\": \"O\"}]", "I"),
        ("MaliciousInstruct", "Use text.\n", "Use text."),
        ("BeaverTails", "{\"prompt\": \"P\", \"response\": \"R\", \"is_safe\": false}\n", "P"),
    ]

    @Test(arguments: benchmarks) func theColumnThatABenchmarkMeans(name: String, text: String, prompt: String) throws {
        #expect(try read(text, name).prompts == [prompt])
    }

    @Test func aColumnCanBeChosen() throws {
        let both = "prompt,goal\nP,G\n"
        #expect(
            fault(both, "b.csv")
                == "b.csv:1: prompts may stand in goal or prompt: choose one as b.csv:goal or b.csv:prompt")
        #expect(try read(both, "b.csv", column: ":goal").prompts == ["G"])
        #expect(try read(both, "b.csv", column: ":Prompt").prompts == ["P"])
        #expect(fault(both, "b.csv", column: ":x") == "b.csv:1: no column called x; found prompt, goal")
        #expect(try read("a,what\n1,W\n", "w.txt", column: ":what").prompts == ["W"])
        #expect(try read("{\"vanilla\": \"V\", \"adversarial\": \"A\"}\n", "v", column: ":vanilla").prompts == ["V"])
        // A file of that very name comes first.
        #expect(try read("x\n", "c:goal").prompts == ["x"])
    }

    static let refused: [(name: String, text: String, fault: String)] = [
        ("e.txt", "\n \n", "e.txt: empty file"),
        ("h.csv", "goal,target\n", "h.csv: no prompts in this file"),
        (
            "o.csv", "x,y\n1,2\n",
            "o.csv:1: no column called goal, prompt, forbidden_prompt, question, instruction, turns, behavior, text; found x, y; choose one as o.csv:COLUMN"
        ),
        ("o.txt", "x,y\n1,2\n", "o.txt:1: looks like a table with columns x, y"),
        ("o", "x\ty\n1\t2\n", "o:1: looks like a table with columns x, y"),
        ("s.txt", "goal|target\na|b\n", "s.txt:1: columns separated by bars"),
        ("s.csv", "goal;target\na;b\n", "s.csv:1: columns separated by semicolons"),
        (
            "c.jsonl", "# made by me\n{\"prompt\": \"x\"}\n",
            "c.jsonl:1: a comment, and JSON lines have none: remove this line"
        ),
        ("c", "// made by me\n{\"prompt\": \"x\"}\n", "c:1: a comment, and JSON lines have none: remove this line"),
        (
            "d.jsonl", "{\"prompt\": \"x\"}\n# more\n",
            "d.jsonl:2: a comment, and JSON lines have none: remove this line"
        ),
        (
            "t.jsonl", "one\ntwo\n",
            "t.jsonl:1: not valid JSON: expected a value; a file with one of the prompts a line ends in .txt"
        ),
        ("b.txt", "{\"prompt\": \"x\"\n{\"prompt\": \"y\"}\n", "b.txt:1: not valid JSON: object ends too early"),
        ("b", "{'prompt': 'x'}\n", "b:1: not valid JSON: expected a key"),
        ("m.txt", "Tell me.\n{\"prompt\": \"y\"}\n", "m.txt:2: a JSON object among lines of text"),
        ("l.txt", "[\n{\"prompt\": \"y\"},\n]\n", "l.txt:3: not valid JSON: expected a value"),
        (
            "x.json", "{\"goals\": [\"a\"], \"targets\": [\"b\"]}",
            "x.json: no column called goal, prompt, forbidden_prompt, question, instruction, turns, behavior, text; found goals, targets"
        ),
        ("sep.csv", "sep=;\ngoal;id\nx;1\n", "sep.csv:1: a line of Excel's that says the separator: remove it"),
        (
            "one.csv", "prompt\nonce, again\n",
            "one.csv:2: 2 fields where the header has 1; a field with the separator in it stands in quotes"
        ),
        (
            "brace.txt", "{\"a\": 1} is what?\nb\n",
            "brace.txt:1: not valid JSON: text after the value; where prompts are meant that begin so, write them as JSON lines"
        ),
        (
            "list.txt", "[\"a\", \"b\"] sort this\nb\n",
            "list.txt:1: not valid JSON: text after the value; where prompts are meant that begin so"
        ),
        ("half.jsonl", "{\"prompt\": \"a \\ud83d b\"}\n", "half.jsonl:1: not valid JSON: half a surrogate pair"),
        ("n.jsonl", "{\"prompt\": \"x\"}\n[1]\n", "n.jsonl:2: neither a JSON object nor a text"),
        ("w.txt", "<!DOCTYPE html>\n<p>x\n", "w.txt: a web page in place of the file"),
        ("y.yaml", "prompts: [x]\n", "y.yaml: a file called .yaml holds no prompts"),
        ("k.jsonl", "{\"Goal\": \"x\", \"goal\": \"y\"}\n", "k.jsonl: has columns Goal and goal: rename all but one"),
        ("i.csv", "Behavior,ImageFileName\nx,a.png\n", "i.csv:2: a behavior with an image (ImageFileName)"),
        ("f.csv", "goal,target\nx,y,z\n", "f.csv:2: 3 fields where the header has 2"),
        (
            "turns.jsonl", "{\"turns\": [\"a\", \"b\"]}\n",
            "turns.jsonl:1: turns is a list of 2, and one prompt is asked at a time"
        ),
        ("chat.jsonl", "{\"prompt\": {\"role\": \"user\"}}\n", "chat.jsonl:1: prompt has to be a text"),
        ("hole.csv", "goal,target\n ,y\n", "hole.csv:2: goal is empty"),
        ("null.jsonl", "{\"prompt\": null}\n", "null.jsonl:1: prompt is missing"),
    ]

    @Test(arguments: refused) func whatIsRefusedByName(name: String, text: String, message: String) {
        let found = fault(text, name)
        #expect(found?.hasPrefix(message) == true, "\(found ?? "nothing")")
    }

    /// Text that has braces, brackets or commas stays text.
    @Test(arguments: [
        "{name}, what is this?\nb", "[INST] hello\nb", "Question, what is 2+2?\nb", "# one\nb", "\"quoted\"\nb",
        "red, green\nblue, yellow", "prompt me again\nb",
    ])
    func textThatOnlyResembles(text: String) throws {
        #expect(try read(text, "t.txt").prompts == TextFile.lines(Array(text.utf8)))
        #expect(try read(text, "t").prompts == TextFile.lines(Array(text.utf8)))
    }

    @Test func utf16AndMissingFiles() throws {
        let raw = "goal,target\r\né,x\r\n".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        let files = DataFiles()
        #expect(try files.prompts(try folder.write([0xFF, 0xFE] + raw, "u.csv")) == ["é"])
        #expect(files.notes[0].form == "CSV in UTF-16 with columns goal, target")
        #expect(throws: InputError(folder.file("none"), "cannot open: No such file or directory")) {
            try files.prompts(folder.file("none"))
        }
    }
}
