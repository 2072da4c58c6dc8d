import Selection
import Tensors
import TestSupport
import Testing

@Suite struct ConcatenationTests {
    let files = TemporaryFolder()

    private func partial(_ tensors: [String: (rows: Int, values: [Float])], _ label: String = "p") -> any Partial {
        BundlePartial(
            TensorBundle(
                entries: tensors.sorted { $0.key < $1.key }.map { name, tensor in
                    .init(
                        name: name, type: .f32, shape: [tensor.rows, tensor.values.count / max(1, tensor.rows)],
                        buffer: AlignedBuffer(tensor.values))
                }), label: label)
    }

    private var path: String { files.file("joined.safetensors") }

    @Test func rowsFollowInBlockOrder() throws {
        try Concatenation.write(
            [
                [partial(["a": (1, [1, 2])]), partial(["b": (1, [9])])],
                [partial(["b": (2, [8, 7])]), partial(["a": (2, [3, 4, 5, 6])])],
            ], to: path)
        let joined = try TensorBundle(safetensors: path)
        #expect(joined["a"]?.shape == [3, 2])
        #expect(joined["a"]?.buffer.floatArray() == [1, 2, 3, 4, 5, 6])
        #expect(joined["b"]?.shape == [3, 1])
        #expect(joined["b"]?.buffer.floatArray() == [9, 8, 7])
    }

    @Test func whatDoesNotFitIsNamed() {
        #expect(throws: SelectionError.file(path, map: "b", fault: "1 blocks lack it")) {
            try Concatenation.write([[partial(["a": (1, [1]), "b": (1, [1])])], [partial(["a": (1, [1])])]], to: path)
        }
        #expect(throws: SelectionError.file("q", map: "a", fault: "block 0 has it twice, or an earlier one not")) {
            try Concatenation.write([[partial(["a": (1, [1])]), partial(["a": (1, [1])], "q")]], to: path)
        }
        #expect(throws: SelectionError.file("q", map: "a", fault: "block 1 has it in another shape")) {
            try Concatenation.write([[partial(["a": (1, [1])])], [partial(["a": (1, [1, 2])], "q")]], to: path)
        }
    }
}
