import Selection
import Tensors
import TestSupport
import Testing

@Suite struct ScoreFileTests {
    let folder = TemporaryFolder()

    @Test func comesBackInOrder() throws {
        let values = someScores(seed: 9)
        let path = folder.file("s.safetensors")
        try ScoreFile.write(scores(values), to: path, metadata: ["method": "test", "data": "abc"])
        let file = try ScoreFile(path: path)
        #expect(file.metadata["method"] == "test")
        #expect(file.metadata["format"] == "faultline-scores")
        #expect(file.maps == scores(values).maps)
        for (map, value) in zip(file.maps, values) {
            #expect(try file.withScores(of: map) { Array($0) } == value.scores)
        }
    }

    @Test func writingRefusesNaNAndLeavesNoFile() {
        let path = folder.file("s.safetensors")
        #expect(throws: SelectionError.notANumber(map: "w", index: 0)) {
            try ScoreFile.write(scores([("w", 1, [.nan])]), to: path, metadata: [:])
        }
        #expect(throws: TensorFileError.self) { try ScoreFile(path: path) }
    }

    @Test func refusesOtherTensors() throws {
        let path = folder.file("s.safetensors")
        try TensorBundle(entries: [.init(name: "a", type: .f32, shape: [4], buffer: AlignedBuffer(floats: 4))]).write(
            safetensors: path)
        #expect(throws: SelectionError.file(path, map: "a", fault: "scores are F32 matrices, not F32 [4]")) {
            try ScoreFile(path: path)
        }
        try TensorBundle(entries: []).write(safetensors: path)
        #expect(throws: SelectionError.file(path, fault: "holds no scores")) { try ScoreFile(path: path) }
    }
}
