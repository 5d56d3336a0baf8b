# Makes a gem server's folder of gems that tests make up: ruby gems.rb FOLDER
require "rubygems/package"
require "fileutils"
require "zlib"

root = File.expand_path(ARGV.fetch(0))
FileUtils.mkdir_p(["#{root}/gems", "#{root}/quick/Marshal.4.8"])

# Compiles without Ruby's headers, which not every machine has.
EXTCONF = <<~'CONF'
  # Older RubyGems say here where it goes, newer ones when they call make.
  place = RbConfig::MAKEFILE_CONFIG["sitearchdir"]
  File.write("Makefile", <<~MAKE)
    sitearchdir = #{place.include?(".gem.") ? place : "/nowhere"}
    all:
    \tgcc -shared -fPIC -o native.so native.c
    install:
    \tcp native.so $(sitearchdir)/native.so
    clean:
    \trm -f native.so
  MAKE
CONF

def made(root, name, version, platform: "ruby", needs: [], extension: false)
  work = "#{root}/work/#{name}-#{platform}"
  FileUtils.mkdir_p(["#{work}/lib", "#{work}/ext"])
  Dir.chdir(work) do
    File.write("lib/#{name}.rb", "#{name.upcase} = '#{version} #{platform}'\n")
    if extension
      File.write("ext/extconf.rb", EXTCONF)
      File.write("ext/native.c", "int native(void) { return 1; }\n")
    end
    spec = Gem::Specification.new do |s|
      s.name, s.version, s.platform = name, version, platform
      s.summary, s.authors, s.licenses, s.homepage = name, ["tests"], ["MIT"], "https://example.com"
      s.files = Dir["{lib,ext}/**/*.{rb,c}"].sort
      s.extensions = ["ext/extconf.rb"] if extension
      needs.each { |other| s.add_dependency(other, ">= 1") }
    end
    file = Gem::DefaultUserInteraction.use_ui(Gem::SilentUI.new) { Gem::Package.build(spec, true) }
    FileUtils.mv(file, "#{root}/gems/#{file}")
    File.binwrite("#{root}/quick/Marshal.4.8/#{spec.full_name}.gemspec.rz",
                  Zlib::Deflate.deflate(Marshal.dump(spec)))
    [spec.name, spec.version, spec.original_platform.to_s]
  end
end

index = [
  made(root, "greet", "1.0.0"),
  made(root, "hello", "1.2.0", needs: ["greet"]),
  made(root, "tool", "1.0.0"),
  made(root, "native", "1.0.0", extension: true),
  *%w[ruby x86_64-linux aarch64-linux arm64-darwin].map { |p| made(root, "plat", "2.0.0", platform: p) },
]
{ "specs" => index, "latest_specs" => index, "prerelease_specs" => [] }.each do |name, specs|
  File.binwrite("#{root}/#{name}.4.8.gz", Zlib.gzip(Marshal.dump(specs)))
end
FileUtils.rm_rf("#{root}/work")
