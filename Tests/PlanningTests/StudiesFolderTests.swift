import Checkpoint
import Evaluation
import Experiment
import Foundation
import Planning
import StudyFile
import StudySupport
import TestSupport
import Testing

/// Every file in studies/ is a study that plans.
@Suite struct StudiesFolderTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../studies").standardized.path
    static let names = (try! FileManager.default.contentsOfDirectory(atPath: folder)).filter {
        $0.hasSuffix(".yaml") && !$0.hasSuffix("-base.yaml")
    }.sorted()

    let files = TemporaryFolder()

    /// Stand-ins for the user's files, under the names that studies have for them.
    private func standIns() throws -> String {
        for folder in ["studies", "demo/cache", "studies/zero-shot"] {
            try FileManager.default.createDirectory(
                atPath: files.file(folder), withIntermediateDirectories: true)
        }
        let prompts = (1...420).map { "prompt \($0)\n" }.joined()
        let pairs = (1...200).map { "{\"prompt\": \"p\($0)\", \"response\": \"r\($0)\"}\n" }.joined()
        let questions = (1...50).map { _ in "{\"context\": \"Q:\", \"choices\": [\" a\", \" b\"], \"label\": 1}\n" }
        for name in ["harmful_attribution.txt", "harmful_eval.txt", "harmless_prompts.txt"] {
            for place in ["studies", "demo/cache", "demo"] { files.write(prompts, to: "\(place)/\(name)") }
        }
        for name in ["utility_pairs.jsonl", "harmless_pairs.jsonl", "finetune_pairs.jsonl"] {
            for place in ["studies", "demo"] { files.write(pairs, to: "\(place)/\(name)") }
        }
        for place in ["studies", "demo"] {
            files.write(String(repeating: "words ", count: 300), to: "\(place)/perplexity.txt")
        }
        files.write("one\ntwo\n", to: "studies/suffixes.txt")
        files.write(questions.joined(), to: "demo/cache/arc_easy.jsonl")
        let zeroShot = [
            "boolq": "{\"passage\": \"p\", \"question\": \"q\", \"label\": 1}",
            "rte": "{\"sentence1\": \"a\", \"sentence2\": \"b\", \"label\": 0}",
            "hellaswag":
                "{\"activity_label\": \"a\", \"ctx_a\": \"b\", \"ctx_b\": \"c\", \"endings\": [\"x\", \"y\"], \"label\": 1}",
            "winogrande": "{\"sentence\": \"a _ b\", \"option1\": \"x\", \"option2\": \"y\", \"answer\": \"1\"}",
            "arc_challenge":
                "{\"question\": \"q\", \"choices\": {\"text\": [\"x\", \"y\"], \"label\": [\"A\", \"B\"]}, \"answerKey\": \"A\"}",
            "openbookqa":
                "{\"question_stem\": \"q\", \"choices\": {\"text\": [\"x\", \"y\"], \"label\": [\"A\", \"B\"]}, \"answerKey\": \"A\"}",
        ]
        for (name, line) in zeroShot { files.write("\(line)\n\(line)\n", to: "studies/zero-shot/\(name).jsonl") }
        return files.file("studies")
    }

    @Test func thereAreStudies() { #expect(Self.names.contains("paper.yaml") && Self.names.contains("demo.yaml")) }

    @Test(arguments: names)
    func parsesAndPlans(name: String) throws {
        let list = try StudyList(
            contentsOf: "\(Self.folder)/\(name)", overriding: StudyOverrides(model: "m", data: try standIns()))
        #expect(!list.studies.isEmpty)
        let model = LongModel(MatrixModel(layers: 10))
        var made: Set<String> = []
        for study in list.studies {
            let work = try WorkCounter.count(
                StudySchedule(study, config: model.config, codec: ByteCodec()), model: model, made: &made)
            #expect(!work.steps.isEmpty, "\(study.name)")
            // A study of a list may need nothing that those before it did not make, as the overlap does.
            let isFirst = study.name == list.studies[0].name
            #expect(work.steps.contains { !$0.isKnown } || !isFirst && study.overlap != nil, "\(study.name)")
        }
        if name == "paper.yaml" {
            // All but the demo's, those of the related systems, the list itself and what its studies share.
            let others = ["paper.yaml", "removal.yaml", "protection.yaml"]
            let own = Self.names.filter { !$0.hasPrefix("demo") && !others.contains($0) }
            #expect(list.studies.map(\.name).sorted() == own.map { String($0.dropLast(5)) }.sorted())
        }
    }

    /// Scores for 25 (p, q) and ranks for 25 (r_u, r_s) cost one pass over each data set.
    @Test func bothGridsCostOnePass() throws {
        let study = try Study(
            yaml: """
                base: paper-base.yaml
                conditions:
                  - unedited
                  - set_difference: {p: [1, 3, 5, 7, 9], q: [1, 3, 5, 7, 9]}
                  - orthogonal_projection: {r_u: [50%, 70%, 84.2%, 90%, 97.7%], r_s: [90%, 95%, 97.7%, 99%, 99.8%]}
                """, file: "\(Self.folder)/both.yaml", overriding: StudyOverrides(model: "m", data: try standIns()))
        #expect(study.conditions.count == 51)
        let model = LongModel(MatrixModel(layers: 2))
        var made: Set<String> = []
        let work = try WorkCounter.count(
            StudySchedule(study, config: model.config, codec: ByteCodec()), model: model, made: &made)
        let scores = work.steps.filter { $0.kind == .scores }
        #expect(scores.count == 1)
        #expect(scores[0].tasks.count == 2 * 128 / study.blockExamples)
    }
}
