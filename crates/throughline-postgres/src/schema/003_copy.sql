-- Copying the store, and being a copy: `transit` in meta says why nobody but a copy may write. Every write asks first, after it has
-- model_roles locked; who sets it has that table for himself, so no write runs on that did not know.

ALTER TABLE throughline.scopes ADD COLUMN copied BYTEA; -- the mark the source had when the scope was restored whole

CREATE FUNCTION throughline.expect_in_use() RETURNS void LANGUAGE plpgsql STABLE AS $function$
DECLARE
    transit BYTEA;
BEGIN
    SELECT value INTO transit FROM throughline.meta WHERE name = 'transit';
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'TL001', MESSAGE = convert_from(transit, 'UTF8');
    END IF;
END
$function$;

CREATE FUNCTION throughline.expect_filling() RETURNS void LANGUAGE plpgsql STABLE AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM throughline.meta WHERE name = 'transit' AND convert_from(value, 'UTF8') LIKE 'filling %') THEN
        RAISE EXCEPTION USING ERRCODE = 'TL002', MESSAGE = 'the store is not being filled by a copy';
    END IF;
END
$function$;
