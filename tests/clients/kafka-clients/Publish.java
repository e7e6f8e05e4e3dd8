/* usage: java -cp JARS Publish.java BOOTSTRAP TOPIC FILE - one record per line: key, tab, value; an empty key is none. */
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Publish {
    public static void main(String[] arguments) throws Exception {
        String topic = arguments[1];
        List<String> lines = Files.readAllLines(Path.of(arguments[2]), StandardCharsets.UTF_8);
        AtomicReference<Exception> failed = new AtomicReference<>();
        Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0]);
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (String line : lines) {
                int tab = line.indexOf('\t');
                byte[] key = tab > 0 ? line.substring(0, tab).getBytes(StandardCharsets.UTF_8) : null;
                byte[] value = line.substring(tab + 1).getBytes(StandardCharsets.UTF_8);
                producer.send(new ProducerRecord<>(topic, key, value), (metadata, error) -> {
                    if (error != null) {
                        failed.set(error);
                    }
                });
            }
            producer.flush();
        }
        if (failed.get() != null) {
            throw failed.get();
        }
        System.out.println(lines.size());
    }
}
