import Coordinator
import Tensors
import TestSupport
import Testing

/// `faultline scans`: what it refuses before any work.
@Suite struct ScansCommandTests {
    private let folder = TemporaryFolder()
    private let model: String

    init() throws {
        model = try TinyModel.make(in: folder).model
        folder.write("take a\ntake b\ntake c\ntake d\n", to: "harmful.txt")
        folder.write("give a\ngive b\ngive c\ngive d\n", to: "harmless.txt")
        folder.write("give e\n\ttake c\n", to: "shared.txt")
        folder.write("give e\ntake e\n", to: "others.txt")
    }

    private func run(_ arguments: [String], harmless: String = "harmless.txt") async -> Int32 {
        await CommandLineMain.run(
            [
                "scans", "--model", model, "--template", "none", "--harmful", folder.file("harmful.txt"), "--harmless",
                folder.file(harmless), "--anchors", "2", "--calibration", "2", "--out", folder.file("gate.csv"),
            ] + arguments)
    }

    @Test func badInputEndsWithTwoAndWritesNothing() async {
        let others = ["--classify", folder.file("others.txt")]
        let edit = ["--edit-out", folder.file("edit")]
        for arguments in [
            ["--anchors", "0"], ["--anchors", "3"], ["--calibration", "10001"], ["--threshold", "1.5"],
            ["--gate-layers", "1", "1"], ["--gate-layers", "3"], edit, others + ["--alpha", "2"],
            others + ["--layers", "0"], others + edit + ["--layers", "7"], others + edit + ["--alpha", "nan"],
            others + ["--edit-out", folder.file("gate.csv")], ["--classify", folder.file("shared.txt")],
            ["--classify", folder.file("none.txt")], ["--last-state", "middle"], ["--response", ""],
        ] {
            #expect(await run(arguments) == 2, "\(arguments)")
            #expect(!Files.exists(folder.file("gate.csv")) && !Files.exists(folder.file("edit")))
        }
        #expect(await run([], harmless: "harmful.txt") == 2)
        #expect(await run([], harmless: "others.txt") == 2)
    }
}
