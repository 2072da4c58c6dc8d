import OutputFiles
import Tensors
import TestSupport
import Testing

/// A run goes on at the kernel level it began with.
@Suite struct RunLevelTests {
    private let files = TemporaryFolder()

    private func level(_ asked: KernelLevel? = nil, highest: KernelLevel? = nil) throws -> KernelLevel? {
        try RunLevel.of(files.path, asked: asked, highest: highest)
    }

    @Test func aNewRunTakesWhatIsAskedFor() throws {
        #expect(try level() == nil && level(.avx2) == .avx2 && RunLevel.kept(in: files.path) == nil)
        #expect(try RunLevel.kept(in: files.file("not-there")) == nil)
    }

    @Test(arguments: KernelLevel.allCases)
    func theFirstLevelStays(first: KernelLevel) throws {
        try RunLevel.keep(first, in: files.path)
        try RunLevel.keep(.avx2, in: files.path)
        #expect(try level() == first && level(first) == first && level(highest: .amx) == first)
    }

    @Test func anotherLevelIsRefused() throws {
        try RunLevel.keep(.avx512, in: files.path)
        let error = #expect(throws: InputError.self) { try level(.avx2) }
        #expect(error?.place == "--level avx2")
        #expect(error?.fault.contains("was begun at kernel level avx512") == true)
    }

    @Test func aMachineWithoutTheLevelIsRefused() throws {
        try RunLevel.keep(.avx512, in: files.path)
        let error = #expect(throws: InputError.self) { try level(highest: .avx2) }
        #expect(error?.place == files.path && error?.fault.contains("this machine's highest is avx2") == true)
        // Where others compute, their own levels decide.
        #expect(try level(highest: nil) == .avx512)
    }

    @Test(arguments: ["", "Haswell\n", "avx5"])
    func whatNamesNoLevelIsRefused(text: String) throws {
        files.write(text, to: "level.txt")
        let error = #expect(throws: InputError.self) { try level() }
        #expect(error?.fault.contains("avx512-bf16") == true)
    }
}
