import Tensors
import TestSupport
import Testing

@Suite struct SafetensorsTests {
    private func file(_ header: String, data: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
            + Array(repeating: 0, count: data)
    }

    @Test(arguments: [
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 7,
            "tensor a: data ends at byte 8, the file's data at 7: truncated?"
        ),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 9, "1 bytes after the last tensor"),
        (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, "tensor a: F32 [3] does not fill its 8 bytes"),
        (#"{"a":{"dtype":"F3","shape":[2],"data_offsets":[0,8]}}"#, 8, "tensor a: unknown element type F3"),
        (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8, "tensor a: a dimension is not a count"),
        (
            #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0,
            "tensor a: F32 [4611686018427387904, 4] does not fill its 0 bytes"
        ),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "tensor a: 4 unused bytes before it"),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}"#, 8,
            "tensor a: data_offsets [8, 4] are not a range"
        ),
        (
            #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]}}"#,
            5, "tensor b: overlaps another tensor"
        ),
        (
            #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
            1, "tensor a: appears twice"
        ),
        (#"{"a":{"dtype":"U8","shape":[1]}}"#, 1, "tensor a: no data_offsets"), ("[]", 0, "header: not a JSON object"),
        ("{", 0, "header: not valid JSON at byte 1: expected a key"),
        (#"{"__metadata__":{"a":1}}"#, 0, "__metadata__ holds more than text"),
    ])
    func lies(header: String, data: Int, fault: String) throws {
        let error = #expect(throws: TensorFileError.self) {
            try file(header, data: data).withUnsafeBytes { try TensorBundle(safetensors: $0, source: "x") }
        }
        #expect(error?.description == "x: \(fault)")
    }

    @Test func headerLengths() {
        for (bytes, fault) in [
            (
                [UInt8](repeating: 0xFF, count: 16),
                "not a safetensors file: header length 18446744073709551615 is over the limit of 100000000"
            ),
            ([9, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D], "truncated: the header needs 17 bytes, the file has 10"),
            ([1, 2], "not a safetensors file: only 2 bytes"),
        ] {
            #expect(throws: TensorFileError(file: "x", fault: fault)) {
                try bytes.withUnsafeBytes { try TensorBundle(safetensors: $0, source: "x") }
            }
        }
    }

    private var bundle: TensorBundle {
        TensorBundle(
            metadata: ["model": "é \"quoted\" \n", "b": ""],
            entries: [
                .init(name: "bytes", type: .u8, shape: [3], buffer: AlignedBuffer(bytes: [1, 2, 3])),
                .init(
                    name: "weights", type: .f32, shape: [2, 2],
                    buffer: AlignedBuffer([1, -2, .infinity, 0.5] as [Float])),
                .init(name: "empty", type: .f64, shape: [0, 5], buffer: AlignedBuffer(byteCount: 0)),
                .init(name: "ids", type: .i32, shape: [], buffer: AlignedBuffer([Int32(-7)])),
            ])
    }

    private func expectSame(_ a: TensorBundle, _ b: TensorBundle) {
        #expect(a.metadata == b.metadata)
        #expect(a.entries.count == b.entries.count)
        for entry in a.entries {
            #expect(b[entry.name]?.shape == entry.shape)
            #expect(b[entry.name]?.type == entry.type)
            #expect(b[entry.name].map { Array($0.buffer.bytes) } == Array(entry.buffer.bytes))
        }
    }

    @Test func writesAndReads() throws {
        let scratch = TemporaryFolder()
        try bundle.write(safetensors: scratch.file("x.safetensors"))
        #expect(try scratch.contents() == ["x.safetensors"])
        expectSame(try TensorBundle(safetensors: scratch.file("x.safetensors")), bundle)
        let file = try SafetensorsFile(path: scratch.file("x.safetensors"))
        #expect(file.description(of: "weights") == TensorDescription(name: "weights", type: .f32, shape: [2, 2]))
        #expect(file.withBytes(of: "weights") { Int(bitPattern: $0.baseAddress) % 4 } == 0)
        #expect(file.withBytes(of: "bytes") { Array($0) } == [1, 2, 3])
        #expect(file.withBytes(of: "none") { $0.count } == nil)
    }

    /// Cut into chunks of any size, the image is the file.
    @Test(arguments: [1, 7, 64, 10_000])
    func imageInChunks(size: Int) throws {
        let scratch = TemporaryFolder()
        try bundle.write(safetensors: scratch.file("x.safetensors"))
        let mapping = try FileMapping(path: scratch.file("x.safetensors"))
        let whole = withExtendedLifetime(mapping) { Array($0.bytes) }
        let image = bundle.image()
        #expect(image.byteCount == whole.count)
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: image.byteCount, by: size) {
            let range = start..<min(start + size, image.byteCount)
            var chunk = [UInt8](repeating: 0xAA, count: range.count)
            chunk.withUnsafeMutableBytes { image.copyBytes(range, into: $0) }
            bytes += chunk
        }
        #expect(bytes == whole)
        expectSame(try bytes.withUnsafeBytes { try TensorBundle(safetensors: $0, source: "x") }, bundle)
    }

    @Test func aWriterWithTooFewBytesLeavesNoFile() throws {
        let scratch = TemporaryFolder()
        let tensor = TensorDescription(name: "a", type: .f32, shape: [2])
        for count in [4, 12] {
            #expect(throws: TensorFileError.self) {
                try SafetensorsWriter.write(to: scratch.file("x"), tensors: [tensor]) { _, sink in
                    try [UInt8](repeating: 0, count: count).withUnsafeBytes { try sink($0) }
                }
            }
            #expect(try scratch.contents().isEmpty)
        }
    }

    @Test func digests() throws {
        let scratch = TemporaryFolder()
        #expect(Digest.sha256([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let path = try scratch.write(Array("abc".utf8), "abc")
        #expect(try Digest.sha256(file: path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
