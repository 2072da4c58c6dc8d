import Experiment
import Foundation
import OutputFiles
import StudyFile
import Tensors
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct OutputsTests {
    let folder = TemporaryFolder()

    init() throws {
        folder.write("x", to: "data.jsonl")
        try FileManager.default.createDirectory(atPath: folder.file("model"), withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: folder.file("blobs"), withIntermediateDirectories: true)
        folder.write("{}", to: "model/config.json")
        folder.write("w", to: "blobs/1234")
        symlink("../blobs/1234", folder.file("model/model.safetensors"))
        symlink("data.jsonl", folder.file("soft"))
        symlink("nowhere", folder.file("dangling"))
        link(folder.file("data.jsonl"), folder.file("hard"))
        symlink("model", folder.file("way"))
        mkfifo(folder.file("fifo"), 0o600)
        folder.write("old", to: "old.csv")
    }

    private func fault(_ body: (inout Outputs) throws -> Void) -> String? {
        var outputs = Outputs(model: folder.file("model"), reading: [folder.file("data.jsonl") + ":column", nil])
        do { try body(&outputs) } catch { return "\(error)".replacing(folder.path + "/", with: "") }
        return nil
    }

    static let refused: [(path: String, fault: String)] = [
        ("data.jsonl", "data.jsonl: --out would overwrite data.jsonl, which is read: name another file"),
        ("./data.jsonl", "./data.jsonl: --out would overwrite data.jsonl"),
        ("model/../data.jsonl", "model/../data.jsonl: --out would overwrite data.jsonl"),
        ("soft", "soft: --out would overwrite data.jsonl"), ("hard", "hard: --out would overwrite data.jsonl"),
        ("dangling", "dangling: --out would replace a symbolic link"),
        ("model/config.json", "model/config.json: --out would overwrite model/config.json"),
        ("way/config.json", "way/config.json: --out would overwrite model/config.json"),
        ("model/model.safetensors", "model/model.safetensors: --out would overwrite model/model.safetensors"),
        ("blobs/1234", "blobs/1234: --out would overwrite model/model.safetensors"),
        ("model/tokenizer.json", "model/tokenizer.json: --out would put tokenizer.json into the model's folder"),
        ("fifo", "fifo: --out would replace a FIFO"), ("model", "model: --out would overwrite model, which is read"),
        ("/dev/null", "/dev/null: --out would replace a device"),
        ("/dev/stdout", "/dev/stdout: --out would replace a symbolic link"),
        (".", ".: --out would replace a folder"), ("", "--out: needs the name of a file"),
        ("old.csv/x", "old.csv/x: cannot be written: Not a directory"),
        ("new/old.csv/", ""),
        (String(repeating: "n", count: 300), "the name is too long for a file"),
        (String(repeating: "n", count: 250), "the name is too long for a file"),
    ]

    @Test(arguments: refused) func whatCannotBeAnOutput(path: String, message: String) {
        let whole = path.isEmpty || path.hasPrefix("/") ? path : folder.file(path)
        let found = fault { _ = try $0.file("--out", whole, standard: "s.json") }
        if path.hasSuffix("/") { return #expect(found == nil) }
        #expect(found?.contains(message) == true, "\(found ?? "nothing")")
    }

    @Test func whatCanBe() throws {
        var outputs = Outputs(model: folder.file("model"), reading: [folder.file("data.jsonl")])
        #expect(try outputs.file("--out", folder.file("old.csv"), standard: "s") == folder.file("old.csv"))
        #expect(try outputs.file("--a", folder.file("a/b/c.json"), standard: "s") == folder.file("a/b/c.json"))
        #expect(try outputs.file("--b", folder.file("new/"), standard: "s.json") == folder.file("new/s.json"))
        #expect(try outputs.file("--c", folder.file("blobs//"), standard: "s.json") == folder.file("blobs/s.json"))
        #expect(try outputs.folder("--d", folder.file("made/by/")) == folder.file("made/by"))
        let none: String? = nil
        #expect(try outputs.file("--e", none, standard: "s") == nil)
        // Folders are there, and nothing else was left.
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("a/b")).isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("new")).isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("made")).isEmpty)
        #expect(try String(contentsOfFile: folder.file("old.csv"), encoding: .utf8) == "old")
    }

    @Test func twoOutputsApart() {
        for (first, second) in [
            ("n.json", "n.json"), ("n.json", "./n.json"), ("n.json", "blobs/../n.json"), ("old.csv", "twin"),
        ] {
            link(folder.file("old.csv"), folder.file("twin"))
            let found = fault {
                _ = try $0.file("--out", folder.file(first), standard: "s")
                _ = try $0.file("--mask", folder.file(second), standard: "s")
            }
            #expect(found?.hasSuffix("--mask and --out name the same file") == true, "\(found ?? "nothing")")
        }
        // What comes and goes beside an output is an output, too.
        #expect(
            fault { _ = try $0.file("--out", folder.file("data"), standard: "s", beside: [".jsonl"]) }?
                .contains("would overwrite data.jsonl") == true)
    }

    @Test func foldersThatAreThere() {
        for name in ["model", "model/", "old.csv", "dangling", "way", "fifo"] {
            #expect(
                fault { _ = try $0.folder("--out", folder.file(name)) }?.hasSuffix(
                    "already exists: choose another folder") == true)
        }
        #expect(fault { _ = try $0.folder("--out", folder.file("old.csv/x")) } != nil)
        #expect(fault { _ = try $0.folder("--out", folder.file(String(repeating: "n", count: 240))) } != nil)
    }

    /// The kernel's own folders cannot be written into by anybody.
    @Test func foldersThatCannotBeWritten() {
        #expect(
            fault { _ = try $0.file("--out", "/proc/x.json", standard: "s") }?.hasPrefix(
                "/proc: cannot write into this folder") == true)
        #expect(fault { _ = try $0.folder("--out", "/proc/new") } != nil)
        #expect(
            fault { _ = try $0.file("--out", "/proc/new/x.json", standard: "s") }?.contains("cannot make this folder")
                == true)
    }

    // MARK: Runs

    private func run(_ change: (String) -> String = { $0 }, root: String = "run") throws {
        let text = """
            model: model
            calibration: {safety: {pairs: data.jsonl}, utility: {pairs: data.jsonl}}
            conditions: [unedited, {name: cut, top: {q: 1}}]
            evaluation: {harmful: data.jsonl}
            """
        let file = folder.write(change(text), to: "s.yaml")
        let list = try StudyList(contentsOf: file)
        try RunOutputs(list, root: folder.file(root), cache: folder.file("cache")).check(studyFile: file)
    }

    @Test func aRunsPlaceIsCheckedAndNotMade() throws {
        try run()
        #expect(try !folder.contents().contains("run"))
        try FileManager.default.createDirectory(atPath: folder.file("run/data"), withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: folder.file("run/masks"), withIntermediateDirectories: true)
        try run()
        #expect(throws: InputError.self) { try run(root: "old.csv") }
        #expect(throws: InputError.self) { try run(root: "model") }
        #expect(throws: InputError.self) { try run(root: "old.csv/run") }
        #expect(throws: InputError.self) { try run(root: "dangling") }
        #expect(throws: InputError.self) { try run(root: String(repeating: "n", count: 300)) }
    }

    @Test func aRunOverwritesNothingThatItReads() throws {
        try FileManager.default.createDirectory(atPath: folder.file("run/data"), withIntermediateDirectories: true)
        folder.write("x", to: "run/data/safety.jsonl")
        let error = #expect(throws: InputError.self) {
            try run { $0.replacing("utility: {pairs: data.jsonl}", with: "utility: {pairs: run/data/safety.jsonl}") }
        }
        #expect(error?.fault.contains("is read, and the run in") == true)
        try FileManager.default.createDirectory(atPath: folder.file("run/masks"), withIntermediateDirectories: true)
        mkfifo(folder.file("run/masks/cut.safetensors"), 0o600)
        #expect(throws: InputError.self) { try run() }
    }
}
