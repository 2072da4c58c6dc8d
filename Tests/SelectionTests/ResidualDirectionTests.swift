import Checkpoint
import Foundation
import Selection
import Tensors
import TestSupport
import Testing

/// The file of a direction, as it is and as a control vector; the factors that take it out of weights, as an adapter.
@Suite struct ResidualDirectionTests {
    private let folder = TemporaryFolder()
    private let model = MatrixModel(layers: 3)

    private func direction(layer: Int = 2, model: String? = "m") throws -> ResidualDirection {
        let words = model.map { [Provenance.modelKey: $0, Provenance.nameKey: "tiny", "kept": "yes"] } ?? [:]
        return try ResidualDirection(
            difference: [3, 0, -4, 0], layer: layer, position: -2, layerCount: 3, metadata: words)
    }

    @Test func itComesBackFromItsFile() throws {
        let own = try direction()
        #expect(own.unit == [0.6, 0, -0.8, 0])
        try own.bundle.write(safetensors: folder.file("d"))
        #expect(try ResidualDirection(contentsOf: folder.file("d")) == own)
    }

    @Test func itIsTheDifferenceOfTheMeansAtItsPlace() throws {
        func entry(_ label: String, _ values: [Double]) -> TensorBundle.Entry {
            .init(name: "mean.\(label).input.1", type: .f64, shape: [2, 4], buffer: AlignedBuffer(doubles: values))
        }
        let file = TensorBundle(
            metadata: ["option_positions": "-1,-3"],
            entries: [entry("harmful", [9, 9, 9, 9, 1, 2, 3, 4]), entry("harmless", [0, 0, 0, 0, 1, 0, 3, 0])])
        let own = try ResidualDirection(of: file, layer: 1, position: -3, config: model.config)
        #expect(own.difference == [0, 2, 0, 4] && own.layer == 1 && own.position == -3 && own.layerCount == 3)
        #expect(throws: SelectionError.file("the statistic", fault: "has no position -2; it has -1, -3")) {
            try ResidualDirection(of: file, layer: 1, position: -2, config: model.config)
        }
        #expect(throws: SelectionError.missing(map: "mean.harmful.input.2", source: "the statistic")) {
            try ResidualDirection(of: file, layer: 2, position: -1, config: model.config)
        }
    }

    @Test func equalMeansHaveNoDirection() {
        #expect {
            try ResidualDirection(difference: [0, 0], layer: 1, position: -1, layerCount: 2)
        } throws: { "\($0)" == "direction: block 1, position -1: the means of the two classes are equal there" }
        #expect(throws: SelectionError.self) {
            try ResidualDirection(difference: [.nan, 1], layer: 1, position: -1, layerCount: 2)
        }
    }

    @Test func oneOfAnotherModelIsRefusedInALine() throws {
        let own = try direction()
        try own.check(against: model.config, named: "d")
        #expect {
            try own.check(against: MatrixModel(layers: 2).config, named: "d")
        } throws: {
            "\($0)"
                == "d: a direction of a model with hidden size 4 and 3 blocks; this one has 4 and 2"
        }
        try own.check(belongsTo: Provenance(model: "m", name: "x"), named: "d")
        try direction(model: nil).check(belongsTo: Provenance(model: "other", name: "x"), named: "d")
        #expect {
            try own.check(belongsTo: Provenance(model: "other", name: "x"), named: "d")
        } throws: { "\($0)" == "d: a direction of tiny (digest m…); the study's model is x (digest other…)" }
    }

    @Test(arguments: [
        ("format", "other", "not a direction"), ("version", "1", "version 1, this program reads 2"),
        ("layer", "3", "block 3 of 3, position -2 is no place of a prompt"),
        ("position", "0", "position 0 is no place"),
        ("layers", "x", "its metadata name no layers"),
    ]) func brokenFilesAreRefused(_ key: String, _ value: String, _ words: String) throws {
        var bundle = try direction().bundle
        bundle.metadata[key] = value
        #expect { try ResidualDirection(bundle: bundle, source: "d") } throws: { "\($0)".contains(words) }
    }

    @Test func brokenVectorsAreRefused() throws {
        for (name, values) in [
            ("direction", [1.0, 1, 0, 0]), ("direction", [1]), ("mean_difference", [.nan, 0, 0, 0]),
        ] {
            var bundle = try direction().bundle
            bundle.entries.removeAll { $0.name == name }
            bundle.entries.append(
                .init(name: name, type: .f64, shape: [values.count], buffer: AlignedBuffer(doubles: values)))
            #expect(throws: SelectionError.self) { try ResidualDirection(bundle: bundle, source: "d") }
        }
    }

    /// Read back number by number, as the format's description has it.
    @Test func aControlVectorIsAGGUFFileWithAVectorABlock() throws {
        var reader = Bytes(try ControlVector.file(direction(), of: model.config, named: "d"))
        let (magic, version, tensors, pairs) = (reader.text(4), reader.number(4), reader.number(8), reader.number(8))
        #expect(magic == "GGUF" && version == 3 && tensors == 2 && pairs == 3)
        var texts: [String: String] = [:]
        for _ in 0..<3 {
            let key = reader.string()
            texts[key] = reader.number(4) == 8 ? reader.string() : "\(reader.number(4))"
        }
        #expect(
            texts == [
                "general.architecture": "controlvector", "controlvector.model_hint": "llama",
                "controlvector.layer_count": "2",
            ])
        var places: [String: Int] = [:]
        for _ in 0..<2 {
            let name = reader.string()
            let (dimensions, count, type) = (reader.number(4), reader.number(8), reader.number(4))
            #expect(dimensions == 1 && count == 4 && type == 0)
            places[name] = reader.number(8)
        }
        reader.align(32)
        let start = reader.place
        func vector(_ name: String) throws -> [Float] {
            reader.place = start + (try #require(places[name]))
            return (0..<4).map { _ in Float(bitPattern: UInt32(reader.number(4))) }
        }
        #expect(try vector("direction.1") == [3, 0, -4, 0])
        #expect(try vector("direction.2") == [0, 0, 0, 0])
        #expect(reader.bytes.count == start + 64)
    }

    /// Blocks count from 1 there, and a block's output comes after it.
    @Test(arguments: [0, 1]) func theFormatHasNoPlaceForTheFirstInputs(_ layer: Int) throws {
        #expect {
            try ControlVector.file(try direction(layer: layer), of: model.config, named: "d")
        } throws: { "\($0)".contains("this direction belongs to the input of block \(layer)") }
    }

    @Test func orthogonalFactorsAreTheFormula() throws {
        let model = MatrixModel(shapes: shapes, layers: 3)
        let unit: [Float] = [0.6, 0, -0.8, 0]
        let edit = try Orthogonalisation.edit(unit, strength: 0.5, of: model)
        try edit.check(against: model, named: "e")
        #expect(edit.maps.count == 7 && edit.rank == 7 && edit.leavesHead)
        let down = try #require(edit[LinearMap.down.weightName(layer: 1)])
        #expect(down.left.floatArray() == [-0.3, 0, 0.4, 0])
        let right = down.right.floatArray()
        for column in 0..<6 {
            let sum = (0..<4).reduce(0.0) {
                $0 + Double(unit[$1]) * Double(MatrixModel.value(down.shape.name, $1 * 6 + column))
            }
            #expect(abs(Double(right[column]) - sum) < 1e-6)
        }
        #expect(try Orthogonalisation.edit(unit, embedding: .none, of: model).maps.count == 6)
        #expect(try Orthogonalisation.edit(unit, strength: 0, of: model).maps.isEmpty)
        #expect(throws: SelectionError.shape(map: "direction", expected: [4], found: [2])) {
            try Orthogonalisation.edit([1, 0], of: model)
        }
    }

    private var shapes: [String: [Int]] {
        var shapes = [ModelConfig.embeddingName: [64, 4]]
        for layer in 0..<3 {
            for map in LinearMap.allCases {
                let shape = map.shape(in: model.config)
                shapes[map.weightName(layer: layer)] = [shape.rows, shape.columns]
            }
        }
        return shapes
    }

    /// peft looks an embedding's factors up by token: A is [rank × vocabulary], B [hidden size × rank].
    @Test func anAdapterHasTheEmbeddingAsPeftDoes() throws {
        let model = MatrixModel(shapes: shapes, layers: 3)
        let edit = try Orthogonalisation.edit([0.6, 0, -0.8, 0], of: model)
        try AdapterExport(base: "base").write(edit, to: folder.file("adapter"))
        let tensors = try TensorBundle(safetensors: folder.file("adapter/adapter_model.safetensors"))
        let name = "base_model.model.model.embed_tokens.lora_embedding_"
        let (a, b) = (try #require(tensors[name + "A"]), try #require(tensors[name + "B"]))
        #expect(a.shape == [1, 64] && b.shape == [4, 1])
        let own = try #require(edit[ModelConfig.embeddingName])
        #expect(a.buffer.floatArray() == own.left.floatArray() && b.buffer.floatArray() == own.right.floatArray())
    }

    /// The embedding's factors go to the first stage, the head's to the last.
    @Test func stagesGetTheirShareOfEmbeddingAndHead() {
        let names = [
            "left.model.embed_tokens.weight", "left.lm_head.weight", "left.model.layers.1.mlp.down_proj.weight",
        ]
        let bundle = TensorBundle(
            entries: names.map { .init(name: $0, type: .u8, shape: [1], buffer: AlignedBuffer(bytes: [1])) })
        func share(_ layers: Range<Int>) -> [String] {
            LowRankEdit.share(bundle, of: StagePlace(layers: layers, of: 3)).map(\.name)
        }
        #expect(share(0..<1) == [names[0]])
        #expect(share(1..<2) == [names[2]])
        #expect(share(2..<3) == [names[1]])
        #expect(share(0..<3) == names)
    }
}

/// Reads little-endian numbers one after the other.
private struct Bytes {
    let bytes: [UInt8]
    var place = 0
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func number(_ count: Int) -> Int {
        defer { place += count }
        return (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }
    mutating func text(_ count: Int) -> String {
        defer { place += count }
        return String(decoding: bytes[place..<place + count], as: UTF8.self)
    }
    mutating func string() -> String { text(number(8)) }
    mutating func align(_ size: Int) { place = (place + size - 1) / size * size }
}
